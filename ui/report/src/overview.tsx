import { useState } from "preact/hooks";
import type { OpCount, PassStat, Report, Stat } from "./data.ts";
import { baseName, bytes, count, percent, plural, seconds, signed, signedBytes } from "./format.ts";
import { Head } from "./table.tsx";
import { Treemap } from "./treemap.tsx";
import type { Selection, World } from "./world.ts";

type Show = (selection: Selection) => void;

export function Overview({ world, show }: { world: World; show: Show }) {
  const { report } = world;
  return (
    <div class="overview">
      <Summary world={world} />
      <Passes world={world} show={show} />
      <Operators ops={report.ops} show={world.graphs ? show : undefined} />
      {world.graphs && <Treemap graphs={world.graphs} />}
      {report.target && <Target target={report.target} />}
      <footer>
        onnxslim {report.version}. Everything on this page is in this one file; nothing was loaded from anywhere, and no weights are in
        it.
      </footer>
    </div>
  );
}

// --- summary ---

function Figure({ label, before, after, text, change }: { label: string; before: number; after: number; text: (n: number) => string; change: (n: number) => string }) {
  const same = before === after;
  return (
    <div class="figure">
      <h3>{label}</h3>
      <p class="big">
        {!same && (
          <>
            <span class="was">{text(before)}</span>
            <span class="arrow" aria-label="to">
              {"\u2192"}
            </span>
          </>
        )}
        <span>{text(after)}</span>
      </p>
      <p class="note">{same ? "unchanged" : `${change(after - before)}  (${percent(before, after)})`}</p>
    </div>
  );
}

function Fact({ label, value, note, tone }: { label: string; value: string; note?: string | undefined; tone?: string }) {
  return (
    <div class="figure">
      <h3>{label}</h3>
      <p class={`big ${tone ?? ""}`}>{value}</p>
      <p class="note">{note}</p>
    </div>
  );
}

function Summary({ world }: { world: World }) {
  const { report } = world;
  const { bitwise, rounding } = world.exactness();
  const exact = rounding ? `${count(bitwise)} keep every bit, ${count(rounding)} round` : "all keep every bit";
  const check = report.verification;
  return (
    <section aria-labelledby="summary">
      <h1 id="summary">{report.input ? baseName(report.input) : "Model"}</h1>
      <p class="paths">
        {report.input}
        {report.output && ` \u2192 ${report.output}`}
        {!report.output && " (nothing was written)"}
      </p>
      <div class="figures">
        <Figure label="Nodes" {...report.nodes} text={count} change={signed} />
        <Figure label="Size" {...report.bytes} text={bytes} change={signedBytes} />
        <Fact label="Rewrites" value={count(report.rewrites)} note={report.rewrites ? exact : undefined} />
        <Fact label="Time" value={seconds(report.seconds.optimize)} note={timeNote(report)} />
        {check && (
          <Fact
            label="Verified"
            value={check.passed ? (check.bitwise ? "same bits" : "same results") : "different"}
            tone={check.passed ? "good" : "bad"}
            note={check.failure ?? `largest difference ${check.max_diff?.toPrecision(2)}, ${plural(check.seeds, "seed")}, ONNX Runtime ${check.runtime}`}
          />
        )}
      </div>
      <Interface world={world} />
      <Remarks report={report} />
    </section>
  );
}

function timeNote({ seconds: s, output }: Report): string {
  const rest = [`read ${seconds(s.read)}`];
  if (output) rest.push(`write ${seconds(s.write)}`);
  if (s.verify) rest.push(`verify ${seconds(s.verify)}`);
  return `and ${rest.join(", ")}`;
}

function Interface({ world }: { world: World }) {
  const side = world.graphs?.after;
  const graph = side?.raw.graphs[0];
  if (!side || !graph) return null;
  const list = (ids: readonly number[]) =>
    ids
      .filter((id) => !side.constants.has(id))
      .map((id) => (
        <li key={id}>
          <code class="name">{side.valueName(id)}</code> <span class="type">{side.values.get(id)?.type}</span>
        </li>
      ));
  return (
    <div class="interface">
      <div>
        <h3>Inputs</h3>
        <ul>{list(graph.in ?? [])}</ul>
      </div>
      <div>
        <h3>Outputs</h3>
        <ul>{list(graph.out ?? [])}</ul>
      </div>
    </div>
  );
}

/** What was asked for besides, and what became of it. */
function Remarks({ report }: { report: Report }) {
  const lines: string[] = [];
  if (report.opset) {
    const { before, after, reason } = report.opset;
    lines.push(`Opset ${before === after ? `${before} stays` : `${before} \u2192 ${after}`}${reason ? `: ${reason}` : ""}`);
  }
  for (const f of report.frozen)
    lines.push(`Frozen: ${f.is_input ? "input" : "output"} ${f.value}, axis ${f.axis}${f.dim ? ` (${f.dim})` : ""} = ${f.size}`);
  if (!lines.length) return null;
  return (
    <ul class="remarks">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

// --- passes ---

function StatCells({ stat }: { stat: Stat }) {
  return (
    <>
      <td class="n">{count(stat.fired)}</td>
      <td class={`n ${tone(stat.nodes)}`}>{stat.nodes ? signed(stat.nodes) : "0"}</td>
      <td class={`n ${tone(stat.bytes)}`}>{stat.bytes ? signedBytes(stat.bytes) : "0"}</td>
      <td class="n">{seconds(stat.seconds)}</td>
    </>
  );
}

const tone = (n: number): string => (n < 0 ? "less" : n > 0 ? "more" : "");

function Bar({ value, most }: { value: number; most: number }) {
  const width = most ? (100 * Math.abs(value)) / most : 0;
  return (
    <span class="bar" aria-hidden="true">
      <span class={value < 0 ? "less" : "more"} style={{ width: `${width}%` }} />
    </span>
  );
}

function Passes({ world, show }: { world: World; show: Show }) {
  const { report } = world;
  const [all, setAll] = useState(false);
  const most = Math.max(1, ...report.passes.map((p) => Math.abs(p.nodes)));
  const idle = report.passes.filter((p) => !p.fired).length;
  const shown = all ? report.passes : report.passes.filter((p) => p.fired);
  return (
    <section aria-labelledby="passes">
      <h2 id="passes">What each pass did</h2>
      {idle === report.passes.length && <p class="note">None of {count(idle)} passes found anything to do.</p>}
      {shown.length > 0 && (
      <div class="scroll">
        <table class="passes">
            <Head texts={["Pass"]} numbers={["Rewrites", "Nodes", "Constants", "Time"]} wide={<span class="hidden">Nodes, drawn</span>} />
          {shown.map((pass) => (
            <PassRows key={pass.name} world={world} pass={pass} most={most} show={show} />
          ))}
          <tfoot>
            <tr>
              <th scope="row">All</th>
              <StatCells stat={total(report.passes)} />
              <td class="wide" />
            </tr>
          </tfoot>
        </table>
      </div>
      )}
      {idle > 0 && (
        <button type="button" class="link screen" onClick={() => setAll(!all)}>
          {all ? "Only the passes that did something" : `${count(idle)} ${shown.length ? "more " : ""}found nothing to do`}
        </button>
      )}
    </section>
  );
}

function total(passes: readonly PassStat[]): Stat {
  const sum: Stat = { tried: 0, fired: 0, missed: 0, nodes: 0, bytes: 0, seconds: 0 };
  for (const p of passes) for (const key of Object.keys(sum) as (keyof Stat)[]) sum[key] += p[key];
  return sum;
}

function PassRows({ world, pass, most, show }: { world: World; pass: PassStat; most: number; show: Show }) {
  const [open, setOpen] = useState(false);
  const rules = world.report.rules.filter((r) => r.pass === pass.name && r.fired).sort((a, b) => b.fired - a.fired);
  const doc = world.pass(pass.name)?.doc;
  return (
    <tbody class={pass.fired ? "" : "idle"}>
      <tr>
        <th scope="row" title={doc}>
          <div>
          <button type="button" class="fold" disabled={!rules.length} aria-expanded={open} aria-label={`Rules of ${pass.name}`} onClick={() => setOpen(!open)}>
            <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
              <path d={open ? "M2 3.5 5 6.5 8 3.5" : "M3.5 2 6.5 5 3.5 8"} />
            </svg>
          </button>
          <GoTo text={pass.name} enabled={!!world.graphs && pass.fired > 0} go={() => show({ kind: "pass", pass: pass.name })} />
          </div>
        </th>
        <StatCells stat={pass} />
        <td class="wide">
          <Bar value={pass.nodes} most={most} />
        </td>
      </tr>
      {open &&
        rules.map((r) => {
          const info = world.rule(r.pass, r.rule);
          return (
            <tr class="single" key={r.rule}>
              <th scope="row">
                <GoTo text={r.rule} enabled={!!world.graphs} go={() => show({ kind: "rule", pass: r.pass, rule: r.rule })} />
              </th>
              <StatCells stat={r} />
              <td class="wide doc">{info?.doc ?? (info?.match ? `${info.match} \u2192 ${info.replace ?? ""}` : "")}</td>
            </tr>
          );
        })}
    </tbody>
  );
}

/** A name that leads to the graph. */
function GoTo({ text, enabled, go }: { text: string; enabled: boolean; go: () => void }) {
  if (!enabled) return <span>{text}</span>;
  return (
    <button type="button" class="go" title="Show in the graph" onClick={go}>
      {text}
    </button>
  );
}

// --- operators ---

function Operators({ ops, show }: { ops: readonly OpCount[]; show?: Show | undefined }) {
  const [byName, setByName] = useState(false);
  const name = (op: OpCount) => (op.domain ? `${op.domain}::${op.op_type}` : op.op_type);
  const sorted = byName
    ? [...ops].sort((a, b) => (name(a) < name(b) ? -1 : 1))
    : [...ops].sort((a, b) => Math.max(b.before, b.after) - Math.max(a.before, a.after));
  const most = Math.max(1, ...ops.map((o) => Math.max(o.before, o.after)));
  return (
    <section aria-labelledby="operators">
      <div class="title">
        <h2 id="operators">Operators before and after</h2>
        <div class="segmented screen">
          <button type="button" aria-pressed={!byName} onClick={() => setByName(false)}>
            By number
          </button>
          <button type="button" aria-pressed={byName} onClick={() => setByName(true)}>
            By name
          </button>
        </div>
      </div>
      <table class="operators">
        <Head
          texts={["Operator"]}
          numbers={["Before", "After", "Change"]}
          wide={
            <>
              <span class="key was">before</span>
              <span class="key now">after</span>
            </>
          }
        />
        <tbody>
          {sorted.map((op) => (
            <tr key={name(op)}>
              <th scope="row">
                <GoTo text={name(op)} enabled={!!show} go={() => show?.({ kind: "op", op: op.op_type, domain: op.domain })} />
              </th>
              <td class="n">{count(op.before)}</td>
              <td class="n">{count(op.after)}</td>
              <td class={`n ${tone(op.after - op.before)}`}>{op.after === op.before ? "0" : signed(op.after - op.before)}</td>
              <td class="wide">
                <span class="pair" aria-hidden="true">
                  <span class="was" style={{ width: `${(100 * op.before) / most}%` }} />
                  <span class="now" style={{ width: `${(100 * op.after) / most}%` }} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// --- target ---

function Target({ target }: { target: NonNullable<Report["target"]> }) {
  return (
    <section aria-labelledby="target">
      <h2 id="target">{`What ${target.target} takes`}</h2>
      <p class="note">
        {`Through ${target.through}: ${count(target.refused)} refused, ${count(target.risky)} risky, ${count(target.untried)} untried.`}
      </p>
      {target.findings.length > 0 && (
        <table>
          <Head texts={["Verdict", "Where", "Why"]} />
          <tbody>
            {target.findings.map((f, i) => (
              <tr key={i}>
                <td>{f.verdict}</td>
                <td class="name">{f.where}</td>
                <td>{f.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

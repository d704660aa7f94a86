/** The panel beside the graph: what is selected, what became of it, and the rewrites to choose from. */
import type { ComponentChildren } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { type RawNode, Side, type Step, nodeTitle } from "./data.ts";
import { FATES, type Fate } from "./fate.ts";
import { bytes, count, plural, signed, signedBytes, tail } from "./format.ts";
import type { Group } from "./tree.ts";
import { type Graphs, NOTHING, type Selection, type Which, type World } from "./world.ts";

export type Select = (selection: Selection) => void;

export const FATE_TEXT: Record<Fate, string> = {
  kept: "kept as it was",
  changed: "kept, with other inputs or attributes",
  fused: "replaced by other nodes",
  gone: "removed, nothing in its place",
  new: "made by onnxslim",
};

interface Props {
  world: World;
  graphs: Graphs;
  selection: Selection;
  select: Select;
  groupOf: (side: Which, id: number) => Group | undefined;
}

export function Details(props: Props) {
  const { selection, select } = props;
  return (
    <aside class="details" aria-label="Details">
      {selection.kind !== "none" && (
        <button type="button" class="close" aria-label="Close" title="Close (Esc)" onClick={() => select(NOTHING)}>
          <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
            <path d="M2 2 10 10M10 2 2 10" />
          </svg>
        </button>
      )}
      <div class="body" aria-live="polite" key={JSON.stringify(selection)}>
        {content(props)}
      </div>
      {selection.kind === "none" && <Keys />}
    </aside>
  );
}

function content({ world, graphs, selection, select, groupOf }: Props): ComponentChildren {
  switch (selection.kind) {
    case "none":
      return <Start world={world} graphs={graphs} select={select} />;
    case "node":
      return <NodeDetails world={world} graphs={graphs} side={selection.side} id={selection.id} select={select} />;
    case "group": {
      const group = groupOf(selection.side, selection.group);
      return group && <GroupDetails group={group} side={selection.side} />;
    }
    case "value":
      return <ValueDetails graphs={graphs} side={selection.side} id={selection.id} select={select} />;
    case "pass":
    case "rule":
      return <PassDetails world={world} graphs={graphs} selection={selection} select={select} />;
    case "step":
      return <StepDetails world={world} graphs={graphs} at={selection.step} select={select} />;
    case "op":
      return <OpDetails graphs={graphs} op={selection.op} domain={selection.domain} select={select} />;
    case "fate":
      return <FateDetails graphs={graphs} fate={selection.fate} select={select} />;
  }
}

// --- small parts ---

function Swatch({ fate }: { fate: Fate }) {
  return <span class={`swatch ${fate}`} aria-hidden="true" />;
}

function NodeLink({ graphs, id, select, side }: { graphs: Graphs; id: number; select: Select; side?: Which }) {
  const where = side ?? (graphs.after.nodes.has(id) ? "after" : graphs.before.nodes.has(id) ? "before" : undefined);
  const { title, name } = graphs.label(id);
  const inner = (
    <>
      {where && <Swatch fate={graphs.fateOf(where, id)} />}
      <span class="op">{title}</span>
      <span class="name">{tail(name, Math.max(14, 31 - title.length))}</span>
    </>
  );
  if (!where) return <span class="node passing" title="Made by one rewrite and removed by another">{inner}</span>;
  return (
    <button type="button" class="node" title={name} onClick={() => select({ kind: "node", side: where, id })}>
      {inner}
    </button>
  );
}

function NodeList({ graphs, ids, select, side, most = 60 }: { graphs: Graphs; ids: readonly number[]; select: Select; side?: Which; most?: number }) {
  const [all, setAll] = useState(false);
  const shown = all ? ids : ids.slice(0, most);
  return (
    <ul class="nodes">
      {shown.map((id) => (
        <li key={id}>
          <NodeLink graphs={graphs} id={id} select={select} {...(side ? { side } : {})} />
        </li>
      ))}
      {shown.length < ids.length && (
        <li>
          <button type="button" class="link" onClick={() => setAll(true)}>
            {`${count(ids.length - shown.length)} more`}
          </button>
        </li>
      )}
    </ul>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h4>{title}</h4>
      {children}
    </section>
  );
}

/** Names with numbers, to choose from. */
function Counts({ rows }: { rows: readonly { text: string; n: number; doc?: string | undefined; choose: () => void }[] }) {
  return (
    <ul class="legend">
      {rows.map(({ text, n, doc, choose }) => (
        <li key={text}>
          <button type="button" title={doc} onClick={choose}>
            <span class="name">{text}</span>
            <span class="n">{count(n)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function RuleLinks({ pass, rule, select }: { pass: string; rule: string; select: Select }) {
  return (
    <span class="rulelinks">
      <button type="button" class="link" onClick={() => select({ kind: "pass", pass })}>
        {pass}
      </button>
      <span class="sep">/</span>
      <button type="button" class="link" onClick={() => select({ kind: "rule", pass, rule })}>
        {rule}
      </button>
    </span>
  );
}

/** "MatMul '/encoder/layer.0/query/MatMul'" with the end of a long name. */
function stepNode(step: Step): string {
  if (!step.node) return "the whole graph";
  const quote = step.node.indexOf("'");
  return quote < 0 ? step.node : `${step.node.slice(0, quote)}${tail(step.node.slice(quote + 1, -1), Math.max(14, 35 - quote))}`;
}

function StepLink({ graphs, at, select }: { graphs: Graphs; at: number; select: Select }) {
  const step = graphs.fates.steps[at] as Step;
  return (
    <button type="button" class="step" onClick={() => select({ kind: "step", step: at })}>
      <span class="number">{count(at + 1)}</span>
      <span class="what">
        <span class="rule">{step.rule}</span>
        <span class="name">{stepNode(step)}</span>
      </span>
    </button>
  );
}

const ROW = 46;

/** A long list: only the rows in sight are there. */
function StepList({ graphs, steps, select }: { graphs: Graphs; steps: readonly number[]; select: Select }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const tall = Math.min(420, steps.length * ROW);
  const first = Math.max(0, Math.floor(top / ROW) - 4);
  const shown = steps.slice(first, first + Math.ceil(tall / ROW) + 9);
  return (
    <div class="steplist" ref={box} style={{ height: `${tall}px` }} onScroll={() => setTop(box.current?.scrollTop ?? 0)}>
      <ul style={{ height: `${steps.length * ROW}px` }}>
        {shown.map((at, i) => (
          <li key={at} style={{ top: `${(first + i) * ROW}px` }}>
            <StepLink graphs={graphs} at={at} select={select} />
          </li>
        ))}
      </ul>
    </div>
  );
}

// --- nothing selected ---

function Start({ world, graphs, select }: { world: World; graphs: Graphs; select: Select }) {
  const before = graphs.trees.before.root.tally;
  const after = graphs.trees.after.root.tally;
  const passes = passCounts(graphs);
  return (
    <>
      <Part title="What became of the nodes">
        <ul class="legend">
          {FATES.map((fate) => (
            <li key={fate}>
              <button type="button" onClick={() => select({ kind: "fate", fate })}>
                <Swatch fate={fate} />
                <span>{FATE_TEXT[fate]}</span>
                <span class="n">{count(fate === "new" ? after.new : before[fate])}</span>
              </button>
            </li>
          ))}
        </ul>
        <p class="note">Dots are the constants that a node reads.</p>
      </Part>
      <Part title="Passes that did something">
        <Counts
          rows={passes.map(([pass, n]) => ({ text: pass, n, doc: world.pass(pass)?.doc, choose: () => select({ kind: "pass", pass }) }))}
        />
        {!passes.length && <p class="note">Nothing was rewritten.</p>}
        {passes.length > 0 && (
          <button type="button" class="link" onClick={() => select({ kind: "step", step: 0 })}>
            {`Walk through ${graphs.fates.steps.length === 1 ? "the rewrite" : `all ${count(graphs.fates.steps.length)} rewrites`}`}
          </button>
        )}
      </Part>
    </>
  );
}

function passCounts(graphs: Graphs): [string, number][] {
  const counts = new Map<string, number>();
  for (const step of graphs.fates.steps) counts.set(step.pass, (counts.get(step.pass) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function Keys() {
  const keys: [string, string][] = [
    ["/", "search"],
    ["Esc", "select nothing"],
    ["\u2190\u2191\u2192\u2193", "move; from node to node, if one is selected"],
    ["Enter", "open or close a group"],
    ["+ \u2212 0", "zoom in, out, fit"],
    ["Tab", "from before to after"],
  ];
  return (
    <dl class="keys">
      {keys.map(([key, what]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  );
}

// --- a node ---

function Attributes({ node }: { node: RawNode }) {
  const rows = Object.entries(node.attrs ?? {});
  if (!rows.length) return null;
  return (
    <Part title="Attributes">
      <dl class="attrs">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Part>
  );
}

function Values({ title, ids, graphs, side, select, inputs }: { title: string; ids: readonly number[]; graphs: Graphs; side: Which; select: Select; inputs: boolean }) {
  const known = graphs.side(side);
  if (!ids.length) return null;
  return (
    <Part title={title}>
      <ul class="values">
        {ids.map((id, i) => {
          if (id < 0) return <li key={i} class="note">left out</li>;
          const constant = known.constants.get(id);
          const producer = known.producer.get(id);
          const others = inputs ? (producer ? [producer.id] : []) : (known.readers.get(id) ?? []).map((n) => n.id);
          return (
            <li key={i}>
              <span class="name" title={known.valueName(id)}>
                {tail(known.valueName(id), 40) || `value ${id}`}
              </span>
              <span class="type">
                {known.values.get(id)?.type ?? ""}
                {constant ? ` constant, ${bytes(constant.bytes)}${constant.deferred ? ", computed while writing" : ""}` : ""}
              </span>
              {others.length > 0 && <NodeList graphs={graphs} ids={others} side={side} select={select} most={6} />}
            </li>
          );
        })}
      </ul>
    </Part>
  );
}

function NodeDetails({ graphs, side, id, select }: { world: World; graphs: Graphs; side: Which; id: number; select: Select }) {
  const node = graphs.side(side).nodes.get(id);
  if (!node) return null;
  const fate = graphs.fateOf(side, id);
  const refused = side === "after" ? graphs.refused(id) : [];
  return (
    <>
      <h3>{nodeTitle(node)}</h3>
      <p class="name full">{node.name || "(no name)"}</p>
      <p class="fate">
        <Swatch fate={fate} />
        {FATE_TEXT[fate]}
      </p>
      <Became graphs={graphs} side={side} id={id} select={select} />
      {refused.length > 0 && (
        <Part title="Why it is still here">
          <ul class="refused">
            {refused.map((r, i) => (
              <li key={i}>
                <span class="rule">{r.rule}</span> {r.text}
              </li>
            ))}
          </ul>
        </Part>
      )}
      <Attributes node={node} />
      <Values title="Inputs" ids={node.in ?? []} graphs={graphs} side={side} select={select} inputs />
      <Values title="Outputs" ids={node.out ?? []} graphs={graphs} side={side} select={select} inputs={false} />
    </>
  );
}

/** What became of it, or where it comes from; and the rewrites that touched it. */
function Became({ graphs, side, id, select }: { graphs: Graphs; side: Which; id: number; select: Select }) {
  const other: Which = side === "before" ? "after" : "before";
  const there = graphs.fates.counterparts(id, side);
  const direct = side === "before" ? graphs.fates.became(id) : graphs.fates.origins(id);
  const same = there.length === 1 && there[0] === id;
  const title = same
    ? side === "before" ? "In the result" : "In the original"
    : side === "after" ? "Stands for" : direct.length ? "Became" : "Its removal changed"; // prettier-ignore
  const steps = graphs.fates.touched(id);
  return (
    <>
      {there.length > 0 && (
        <Part title={title}>
          <NodeList graphs={graphs} ids={there} side={other} select={select} most={12} />
        </Part>
      )}
      {steps.length > 0 && (
        <Part title={plural(steps.length, "rewrite")}>
          <StepList graphs={graphs} steps={steps} select={select} />
        </Part>
      )}
    </>
  );
}

function GroupDetails({ group, side }: { group: Group; side: Which }) {
  const path: string[] = [];
  for (let g: Group | null = group; g?.parent; g = g.parent) path.unshift(g.title);
  return (
    <>
      <h3>{group.title}</h3>
      <p class="name full">{path.join(" / ")}</p>
      <p class="note">{`${plural(group.size, "node")} ${side === "before" ? "in the original" : "in the result"}. Enter or a double click opens and closes it.`}</p>
      <ul class="legend">
        {FATES.filter((f) => group.tally[f]).map((fate) => (
          <li key={fate} class="row">
            <Swatch fate={fate} />
            <span>{FATE_TEXT[fate]}</span>
            <span class="n">{count(group.tally[fate])}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function ValueDetails({ graphs, side, id, select }: { graphs: Graphs; side: Which; id: number; select: Select }) {
  const known = graphs.side(side);
  const readers = (known.readers.get(id) ?? []).map((n) => n.id);
  const producer = known.producer.get(id);
  return (
    <>
      <h3>{known.raw.graphs[0]?.in?.includes(id) ? "Input" : "Output"}</h3>
      <p class="name full">{known.valueName(id)}</p>
      <p class="type">{known.values.get(id)?.type ?? "type unknown"}</p>
      {producer && (
        <Part title="Produced by">
          <NodeList graphs={graphs} ids={[producer.id]} side={side} select={select} />
        </Part>
      )}
      {readers.length > 0 && (
        <Part title="Read by">
          <NodeList graphs={graphs} ids={readers} side={side} select={select} />
        </Part>
      )}
    </>
  );
}

// --- rewrites ---

function Exact({ bitwise }: { bitwise: boolean | undefined }) {
  if (bitwise === undefined) return null;
  return <span class={`exact ${bitwise ? "" : "rounds"}`}>{bitwise ? "keeps every bit" : "rounds"}</span>;
}

function PassDetails({ world, graphs, selection, select }: { world: World; graphs: Graphs; selection: { kind: "pass"; pass: string } | { kind: "rule"; pass: string; rule: string }; select: Select }) {
  const { pass } = selection;
  const rule = selection.kind === "rule" ? selection.rule : undefined;
  const info = world.pass(pass);
  const ruleInfo = rule ? world.rule(pass, rule) : undefined;
  const steps = useMemo(() => graphs.steps(rule ? { pass, rule } : { pass }), [graphs, pass, rule]);
  const rules = rule ? [] : world.report.rules.filter((r) => r.pass === pass && r.fired).sort((a, b) => b.fired - a.fired);
  const stat = rule ? world.report.rules.find((r) => r.pass === pass && r.rule === rule) : world.report.passes.find((p) => p.name === pass);
  return (
    <>
      <h3 class="mono">{rule ?? pass}</h3>
      {rule && (
        <p class="note">
          of{" "}
          <button type="button" class="link" onClick={() => select({ kind: "pass", pass })}>
            {pass}
          </button>
        </p>
      )}
      <p>
        {ruleInfo ? ruleInfo.doc : info?.doc} {ruleInfo && <Exact bitwise={ruleInfo.bitwise} />}
      </p>
      {ruleInfo?.match && (
        <p class="pattern">
          <code>{ruleInfo.match}</code> {"\u2192"} <code>{ruleInfo.replace ?? ""}</code>
        </p>
      )}
      {stat && (
        <p class="note">
          {`${plural(stat.fired, "rewrite")}, ${signed(stat.nodes)} nodes, ${stat.bytes ? signedBytes(stat.bytes) : "no change"} in constants`}
        </p>
      )}
      {rules.length > 0 && (
        <Part title="Rules">
          <Counts rows={rules.map((r) => ({ text: r.rule, n: r.fired, choose: () => select({ kind: "rule", pass, rule: r.rule }) }))} />
        </Part>
      )}
      {steps.length > 0 && (
        <Part title={plural(steps.length, "rewrite")}>
          <StepList graphs={graphs} steps={steps} select={select} />
        </Part>
      )}
    </>
  );
}

function Walk({ at, last, select }: { at: number; last: number; select: Select }) {
  const go = (step: number) => select({ kind: "step", step });
  return (
    <div class="steps">
      <button type="button" disabled={at === 0} onClick={() => go(at - 1)}>
        Previous
      </button>
      <input type="range" min={0} max={last} value={at} aria-label="Rewrite" onChange={(event) => go(event.currentTarget.valueAsNumber)} />
      <button type="button" disabled={at >= last} onClick={() => go(at + 1)}>
        Next
      </button>
    </div>
  );
}

function StepDetails({ world, graphs, at, select }: { world: World; graphs: Graphs; at: number; select: Select }) {
  const step = graphs.fates.steps[at];
  if (!step) return null;
  const info = world.rule(step.pass, step.rule);
  const lists: [string, readonly number[] | undefined][] = [
    ["Removed", step.removed],
    ["Made", step.made],
    ["Changed", step.changed],
  ];
  return (
    <>
      <h3>{`Rewrite ${count(at + 1)} of ${count(graphs.fates.steps.length)}`}</h3>
      <Walk at={at} last={graphs.fates.steps.length - 1} select={select} />
      <p>
        <RuleLinks pass={step.pass} rule={step.rule} select={select} /> <Exact bitwise={info?.bitwise} />
      </p>
      {step.node && <p class="name full">{step.node}</p>}
      {step.text && <p>{step.text}</p>}
      {step.bytes !== undefined && <p class="note">{`${signedBytes(step.bytes)} in constants`}</p>}
      {lists.map(
        ([title, ids]) =>
          ids && (
            <Part key={title} title={`${title} (${count(ids.length)})`}>
              <NodeList graphs={graphs} ids={ids} select={select} />
            </Part>
          ),
      )}
    </>
  );
}

// --- kinds of nodes ---

function OpDetails({ graphs, op, domain, select }: { graphs: Graphs; op: string; domain: string; select: Select }) {
  const of = (side: Side) => side.raw.nodes.filter((n) => n.op === op && (n.domain ?? "") === domain).map((n) => n.id);
  const [before, after] = [of(graphs.before), of(graphs.after)];
  return (
    <>
      <h3>{domain ? `${domain}::${op}` : op}</h3>
      <Part title={`Before (${count(before.length)})`}>
        <NodeList graphs={graphs} ids={before} side="before" select={select} most={24} />
      </Part>
      <Part title={`After (${count(after.length)})`}>
        <NodeList graphs={graphs} ids={after} side="after" select={select} most={24} />
      </Part>
    </>
  );
}

function FateDetails({ graphs, fate, select }: { graphs: Graphs; fate: Fate; select: Select }) {
  const side: Which = fate === "new" ? "after" : "before";
  const ids = useMemo(
    () => graphs.side(side).raw.nodes.filter((n) => graphs.fateOf(side, n.id) === fate).map((n) => n.id),
    [graphs, fate, side],
  );
  return (
    <>
      <h3 class="fate">
        <Swatch fate={fate} />
        {FATE_TEXT[fate]}
      </h3>
      <p class="note">{`${plural(ids.length, "node")} ${side === "before" ? "of the original" : "of the result"}`}</p>
      <NodeList graphs={graphs} ids={ids} side={side} select={select} most={80} />
    </>
  );
}

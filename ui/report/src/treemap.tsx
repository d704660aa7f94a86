/** Where the bytes are: constants as areas, by the scopes in their names. */
import { type HierarchyRectangularNode, hierarchy, treemap, treemapSquarify } from "d3-hierarchy";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RawConstant, Side } from "./data.ts";
import { bytes, percent, plural, signedBytes } from "./format.ts";
import { Head } from "./table.tsx";
import { type Graphs, SIDES, type Which } from "./world.ts";

interface Area {
  name: string;
  path: string;
  bytes: number;
  constant?: RawConstant;
  type?: string | undefined;
  fresh?: boolean; // only on this side
  more?: number; // how many small ones it stands for
  children?: Area[];
}

const LEAST = 1 / 4000; // of the whole: smaller ones stand together
const TALL = 460;

const MOST_PARTS = 12;

/** Parts of a name: "encoder.layer.0.weight" is in layer.0 of encoder. */
function parts(name: string): string[] {
  const found: string[] = [];
  for (const part of name.split(/[/.]/)) {
    if (!part) continue;
    const last = found[found.length - 1];
    if (last !== undefined && (/^\d+$/.test(part) || found.length === MOST_PARTS)) found[found.length - 1] = `${last}.${part}`;
    else found.push(part);
  }
  return found;
}

function build(side: Side, other: Side): Area {
  const root: Area = { name: "all", path: "", bytes: 0, children: [] };
  const known = new Set(other.raw.constants.map((c) => `${other.valueName(c.value)} ${c.bytes}`));
  const groups = new Map<string, Area>([["", root]]);
  for (const constant of side.raw.constants) {
    if (!constant.bytes) continue;
    const name = side.valueName(constant.value);
    const scope = parts(name);
    const own = scope.pop() ?? name;
    let at = root;
    for (const part of scope) {
      const path = `${at.path}/${part}`;
      let next = groups.get(path);
      if (!next) {
        next = { name: part, path, bytes: 0, children: [] };
        groups.set(path, next);
        at.children?.push(next);
      }
      at = next;
    }
    at.children?.push({
      name: own,
      path: `${at.path}/${own}#${constant.value}`,
      bytes: constant.bytes,
      constant,
      type: side.values.get(constant.value)?.type,
      fresh: !known.has(`${name} ${constant.bytes}`),
    });
  }
  const sum = (area: Area): number => {
    if (area.children) area.bytes = area.children.reduce((total, child) => total + sum(child), 0);
    return area.bytes;
  };
  sum(root);
  return root;
}

/** For one picture: what is too small to be seen stands together, and a scope of one thing is that thing. */
function visible(area: Area, least: number): Area {
  let at = area;
  const names: string[] = [];
  while (at.children?.length === 1 && at.children[0]?.children) {
    names.push(at.name);
    at = at.children[0];
  }
  const name = [...names, at.name].filter((n) => n !== "all").join(".") || at.name;
  if (!at.children) return { ...at, name };
  const large = at.children.filter((c) => c.bytes >= least);
  const small = at.children.filter((c) => c.bytes < least);
  const children = large.map((c) => visible(c, least));
  if (small.length) {
    const total = small.reduce((sum, c) => sum + c.bytes, 0);
    children.push({ name: plural(small.length, "small one"), path: `${at.path}/~`, bytes: total, more: small.length });
  }
  return { ...at, name, children };
}

export function Treemap({ graphs }: { graphs: Graphs }) {
  const [which, setWhich] = useState<Which>("after");
  const [path, setPath] = useState("");
  const [width, setWidth] = useState(960);
  const frame = useRef<HTMLDivElement>(null);
  const roots = useMemo(
    () => ({ before: build(graphs.before, graphs.after), after: build(graphs.after, graphs.before) }),
    [graphs],
  );
  useLayoutEffect(() => {
    const box = frame.current;
    if (!box) return;
    const watch = new ResizeObserver(() => box.clientWidth && setWidth(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);

  const root = roots[which];
  const trail = useMemo(() => walk(root, path), [root, path]);
  const here = trail[trail.length - 1] ?? root;
  const areas = useMemo(() => {
    const tree = hierarchy(visible(here, here.bytes * LEAST), (a) => a.children)
      .sum((a) => (a.children ? 0 : a.bytes))
      .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
    return treemap<Area>()
      .size([width, TALL])
      .tile(treemapSquarify.ratio(1.4))
      .paddingOuter(1.5)
      .paddingTop((n) => (n.depth && n.y1 - n.y0 > 38 && n.x1 - n.x0 > 44 ? 18 : 1.5))
      .paddingInner(1)
      .round(true)(tree);
  }, [here, width]);

  if (!roots.before.bytes && !roots.after.bytes) return null;
  const tiles = areas.descendants().filter((n) => n.depth > 0 && n.x1 - n.x0 > 1 && n.y1 - n.y0 > 1);
  return (
    <section aria-labelledby="weights">
      <div class="title">
        <h2 id="weights">Where the bytes are</h2>
        <div class="segmented screen">
          {SIDES.map((w) => (
            <button type="button" key={w} aria-pressed={which === w} onClick={() => setWhich(w)}>
              {w === "before" ? "Before" : "After"}
            </button>
          ))}
        </div>
      </div>
      <p class="note">
        {`${plural(countOf(root), "constant")}, ${bytes(root.bytes)}`}
        {which === "after" && roots.before.bytes !== roots.after.bytes
          ? ` (${signedBytes(roots.after.bytes - roots.before.bytes)}, ${percent(roots.before.bytes, roots.after.bytes)})`
          : ""}
        . <span class="key fresh">{which === "after" ? "made by onnxslim" : "gone or computed anew"}</span>
      </p>
      <nav class="trail" aria-label="Scope">
        {trail.map((area, i) => (
          <span key={area.path}>
            {i > 0 && <span class="sep">/</span>}
            <button type="button" class="link" disabled={i === trail.length - 1} onClick={() => setPath(area.path)}>
              {area.name}
            </button>
          </span>
        ))}
        <span class="note">{bytes(here.bytes)}</span>
      </nav>
      <div class="treemap" ref={frame} style={{ height: `${TALL}px` }}>
        {tiles.map((tile) => (
          <Tile key={tile.data.path} tile={tile} width={width} total={here.bytes} enter={setPath} />
        ))}
      </div>
      <Largest root={root} />
    </section>
  );
}

const countOf = (area: Area): number => (area.children ? area.children.reduce((n, c) => n + countOf(c), 0) : 1);

function walk(root: Area, path: string): Area[] {
  const trail = [root];
  for (let at: Area | undefined = root; at && path !== at.path; ) {
    at = at.children?.find((c) => c.children && (c.path === path || path.startsWith(`${c.path}/`)));
    if (!at) break;
    trail.push(at);
  }
  return trail;
}

interface TileProps {
  tile: HierarchyRectangularNode<Area>;
  width: number;
  total: number;
  enter: (path: string) => void;
}

function Tile({ tile, width, total, enter }: TileProps) {
  const { data } = tile;
  const [w, h] = [tile.x1 - tile.x0, tile.y1 - tile.y0];
  const part = (x: number) => `${(100 * x) / width}%`; // paper has another width
  const style = { left: part(tile.x0), top: `${tile.y0}px`, width: part(w), height: `${h}px` };
  const share = total ? ((100 * data.bytes) / total).toFixed(1) : "0";
  const note = `${data.name}${data.type ? ` ${data.type}` : ""}: ${bytes(data.bytes)}, ${share} %`;
  if (data.children) {
    const labelled = h > 38 && w > 44;
    return (
      <button type="button" class={`tile scope depth${Math.min(tile.depth, 4)}`} style={style} title={note} onClick={() => enter(data.path)}>
        {labelled && (
          <span class="label">
            {data.name} <span class="size">{w > 130 ? bytes(data.bytes) : ""}</span>
          </span>
        )}
      </button>
    );
  }
  return (
    <div class={`tile leaf ${data.fresh ? "fresh" : ""} ${data.more ? "more" : ""}`} style={style} title={note}>
      {h > 17 && w > 46 && <span class="label">{data.name}</span>}
      {h > 34 && w > 56 && <span class="size">{bytes(data.bytes)}</span>}
    </div>
  );
}

/** The same for those who read: and for paper. */
function Largest({ root }: { root: Area }) {
  const rows = useMemo(() => {
    const leaves: Area[] = [];
    const collect = (area: Area) => (area.children ? area.children.forEach(collect) : leaves.push(area));
    collect(root);
    return leaves.sort((a, b) => b.bytes - a.bytes).slice(0, 12);
  }, [root]);
  return (
    <details class="largest">
      <summary>The largest, as a table</summary>
      <table>
        <Head texts={["Constant", "Type"]} numbers={["Size", "Share"]} />
        <tbody>
          {rows.map((r) => (
            <tr key={r.path}>
              <th scope="row" class="name">
                {r.path.replace(/#\d+$/, "").slice(1).replaceAll("/", ".")}
              </th>
              <td class="type">{r.type}</td>
              <td class="n">{bytes(r.bytes)}</td>
              <td class="n">{`${((100 * r.bytes) / root.bytes).toFixed(1)} %`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** Where everything stands: groups from the inside out, each laid out on its own in a worker, and remembered. */
import source from "worker:./layout.worker.ts";
import { FONT, textWidth } from "./text.ts";
import type { Group, Item, Leaf } from "./tree.ts";

export interface Job {
  id: number;
  boxes: [width: number, height: number][];
  edges: [from: number, to: number, weight: number][];
}

export interface Arrangement {
  id: number;
  width: number;
  height: number;
  centers: [x: number, y: number][];
  paths: [x: number, y: number][][];
}

export interface Box {
  item: Item;
  x: number;
  y: number;
  w: number;
  h: number;
  open: boolean;
  inner: Box[];
  lines: Line[];
}

export interface Line {
  from: Item | null; // null: from or to outside of the group
  to: Item | null;
  values: number;
  points: [x: number, y: number][];
  stub: boolean; // only its end is drawn: see prepare()
}

export const HOLDER = 11; // room for a Constant node beside its reader
const MOST_HOLDERS = 5; // more are in the details only
export const shownHolders = (leaf: Leaf): number => Math.min(leaf.holders.length, MOST_HOLDERS);
const PAD = 14;
const HEAD = 26;
const LEAF_HEIGHT = 26;
const DETAIL_HEIGHT = 38;
const GROUP_HEIGHT = 46;
const PORT = 8;
const STUB = 9;
const WIDE = 6; // readers from which on a value does not get a line to each of them

// --- the worker ---

type Post = (jobs: Job[]) => Promise<Arrangement[]>;

function startWorker(): Post {
  const waiting: ((found: Arrangement[]) => void)[] = [];
  let post: (jobs: Job[]) => void;
  try {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = (event) => waiting.shift()?.(event.data);
    post = (jobs) => worker.postMessage(jobs);
  } catch {
    // Where a page may start no workers (some notebooks): the same code in this thread.
    const self = { onmessage: (_: { data: Job[] }) => {}, postMessage: (found: Arrangement[]) => waiting.shift()?.(found) };
    new Function("self", source)(self);
    post = (jobs) => setTimeout(() => self.onmessage({ data: jobs }));
  }
  return (jobs) =>
    new Promise((done) => {
      waiting.push(done);
      post(jobs);
    });
}

let worker: Post | undefined;
const arrange: Post = (jobs) => (worker ??= startWorker())(jobs);

// --- sizes ---

function leafSize(leaf: Leaf): [number, number] {
  const text = Math.max(textWidth(leaf.title, FONT.title), textWidth(leaf.detail, FONT.detail));
  const width = Math.min(Math.max(text + 22, 64), 210);
  return [width + 2 * HOLDER * shownHolders(leaf), leaf.detail ? DETAIL_HEIGHT : LEAF_HEIGHT];
}

function closedSize(group: Group): [number, number] {
  return [Math.min(Math.max(textWidth(group.title, FONT.title) + 34, 130), 240), GROUP_HEIGHT];
}

// --- groups ---

type Ends = [from: Item | null, to: Item | null, values: number];

interface Inside {
  arrangement: Arrangement;
  items: Item[];
  ends: Ends[]; // of the job's edges
  stubs: Ends[];
}

export class Layout {
  private readonly known = new Map<string, Inside>();

  constructor(private readonly root: Group) {}

  /** The root's box with everything in it; `open` are the groups whose inside is shown. */
  async run(open: ReadonlySet<Group>): Promise<Box> {
    const inside = new Map<Group, Inside>();
    for (const level of this.levels(open)) {
      const jobs: { group: Group; key: string; inside: Omit<Inside, "arrangement">; job: Job }[] = [];
      for (const group of level) {
        const prepared = prepare(group, (item) => this.size(item, open, inside));
        const known = this.known.get(prepared.key);
        if (known) inside.set(group, known);
        else jobs.push({ group, ...prepared, job: { ...prepared.job, id: jobs.length } });
      }
      if (!jobs.length) continue;
      const found = await arrange(jobs.map((j) => j.job));
      jobs.forEach((j, i) => {
        const done: Inside = { ...j.inside, arrangement: found[i] as Arrangement };
        this.known.set(j.key, done);
        inside.set(j.group, done);
      });
    }
    return place(this.root, 0, 0, inside, true, (item) => this.size(item, open, inside));
  }

  /** Open groups, the innermost first. */
  private levels(open: ReadonlySet<Group>): Group[][] {
    const levels: Group[][] = [];
    const visit = (group: Group, depth: number) => {
      (levels[depth] ??= []).push(group);
      for (const child of group.children) if (child.kind === "group" && open.has(child)) visit(child, depth + 1);
    };
    visit(this.root, 0);
    return levels.reverse();
  }

  private size(item: Item, open: ReadonlySet<Group>, inside: Map<Group, Inside>): [number, number] {
    if (item.kind !== "group") return leafSize(item);
    const known = open.has(item) ? inside.get(item) : undefined;
    if (!known) return closedSize(item);
    const { width, height } = known.arrangement;
    return [Math.max(width + 2 * PAD, textWidth(item.title, FONT.title) + 60), height + HEAD + PAD];
  }
}

/**
 * The job for a group, and what its boxes and edges are. The last boxes are the ways in and out.
 *
 * What many read (a mask, a shape) would fill the picture with lines: those of its readers that have other lines to
 * say where they belong get a stub instead.
 */
function prepare(group: Group, size: (item: Item) => [number, number]) {
  const items = group.children;
  const all: Ends[] = [
    ...[...group.edges.values()].map((e): Ends => [e.from, e.to, e.values]),
    ...[...group.fromOutside].map(([item, values]): Ends => [null, item, values]),
    ...[...group.toOutside].map(([item, values]): Ends => [item, null, values]),
  ];
  const readers = tally(all.map(([from]) => from));
  const writers = tally(all.map(([, to]) => to));
  const wide = ([from, to]: Ends) => (from ? (readers.get(from) ?? 0) > WIDE : group.fromOutside.size > WIDE) || (!to && (writers.get(null) ?? 0) > WIDE);
  const narrow = all.filter((ends) => !wide(ends));
  const placedBelow = new Set(narrow.map(([, to]) => to));
  const placedAbove = new Set(narrow.map(([from]) => from));
  const isStub = (ends: Ends) => wide(ends) && (ends[1] ? placedBelow.has(ends[1]) : placedAbove.has(ends[0]));
  const ends = all.filter((e) => !isStub(e));

  const boxes = items.map(size);
  const index = new Map<Item | null, number>(items.map((item, i) => [item, i]));
  const entry = ends.some(([from]) => !from) ? boxes.push([PORT, 1]) - 1 : -1;
  const exit = ends.some(([, to]) => !to) ? boxes.push([PORT, 1]) - 1 : -1;
  const edges: Job["edges"] = ends.map(([from, to, values]) => [
    from ? (index.get(from) as number) : entry,
    to ? (index.get(to) as number) : exit,
    values,
  ]);
  const key = `${group.id}:${boxes.map((b) => b.map(Math.round).join("x")).join(",")}`;
  return { key, inside: { items, ends, stubs: all.filter(isStub) }, job: { boxes, edges } };
}

function tally<T>(list: readonly T[]): Map<T, number> {
  const found = new Map<T, number>();
  for (const item of list) found.set(item, (found.get(item) ?? 0) + 1);
  return found;
}

function place(
  item: Item,
  x: number,
  y: number,
  inside: Map<Group, Inside>,
  isRoot: boolean,
  size: (item: Item) => [number, number],
): Box {
  const known = item.kind === "group" ? inside.get(item) : undefined;
  const [w, h] = known && isRoot ? [known.arrangement.width, known.arrangement.height] : size(item);
  const box: Box = { item, x, y, w, h, open: !!known, inner: [], lines: [] };
  if (!known) return box;
  const left = x + (w - known.arrangement.width) / 2;
  const top = y + (isRoot ? 0 : HEAD);
  const bottom = y + h;
  known.items.forEach((child, i) => {
    const [cw, ch] = size(child);
    const [cx, cy] = known.arrangement.centers[i] as [number, number];
    box.inner.push(place(child, left + cx - cw / 2, top + cy - ch / 2, inside, false, size));
  });
  known.ends.forEach(([from, to, values], i) => {
    const points = (known.arrangement.paths[i] ?? []).map(([px, py]): [number, number] => [left + px, top + py]);
    // Lines from and to outside reach the border of the group.
    const first = points[0];
    const last = points[points.length - 1];
    if (!from && first) points.unshift([first[0], y + HEAD - 4]);
    if (!to && last) points.push([last[0], bottom]);
    box.lines.push({ from, to, values, points, stub: false });
  });
  const at = new Map(box.inner.map((b) => [b.item, b]));
  for (const [from, to, values] of known.stubs) {
    const b = at.get((to ?? from) as Item) as Box;
    const beside = b.item.kind === "node" ? HOLDER * shownHolders(b.item) : 0;
    const points: Line["points"] = to
      ? [[b.x + beside + 10, b.y - STUB], [b.x + beside + 10, b.y]]
      : [[b.x + b.w - beside - 10, b.y + b.h], [b.x + b.w - beside - 10, b.y + b.h + STUB]]; // prettier-ignore
    const source = from && to ? at.get(from) : undefined;
    if (source) points.unshift([source.x + source.w / 2, source.y + source.h]);
    box.lines.push({ from, to, values, points, stub: true });
  }
  return box;
}

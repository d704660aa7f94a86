/** The graph as nested groups: by the scopes in the nodes' names, and by the bodies of If, Loop and Scan. */
import { type RawGraph, type RawNode, Side, nodeTitle } from "./data.ts";
import { type Fate, FATES } from "./fate.ts";

export type Tally = Record<Fate, number>;

export interface Leaf {
  kind: "node" | "input" | "output";
  parent: Group;
  node?: RawNode;
  value: number; // of inputs and outputs
  title: string;
  detail: string;
  fate: Fate;
  holders: RawNode[]; // Constant nodes that it alone reads first: drawn beside it
  at: number; // place in the order of the file
}

export interface Group {
  kind: "group";
  id: number;
  parent: Group | null;
  title: string;
  node?: RawNode; // the If, Loop or Scan whose bodies these are
  fate?: Fate;
  children: Item[];
  size: number; // nodes in it
  tally: Tally;
  at: number;
  edges: Map<string, Edge>;
  fromOutside: Map<Item, number>;
  toOutside: Map<Item, number>;
}

export type Item = Leaf | Group;

export interface Edge {
  from: Item;
  to: Item;
  values: number;
}

const MAX_DEPTH = 16; // parts of a name beyond that stay together
const MAX_CHILDREN = 56; // more are cut into pieces
const PIECE = 40;
const SERIES = 4; // groups with numbers at the end of one name that are put together

const noTally = (): Tally => ({ kept: 0, changed: 0, fused: 0, gone: 0, new: 0 });

export class Tree {
  readonly root: Group;
  readonly itemOf = new Map<number, Item>(); // node id -> its leaf, its reader's leaf, or the group of its bodies
  private readonly byName = new Map<Group, Map<string, Group>>();
  private readonly bases: Group[] = [];
  private groups = 0;

  constructor(
    readonly side: Side,
    private readonly fateOf: (id: number) => Fate,
  ) {
    this.root = this.newGroup(null, "");
    const bodies = new Map<number, number[]>();
    side.raw.graphs.forEach((graph, i) => {
      if (graph.owner !== undefined) bodies.set(graph.owner, [...(bodies.get(graph.owner) ?? []), i]);
    });
    this.bases[0] = this.root;
    side.raw.graphs.forEach((graph, i) => {
      if (graph.kind === "function") this.bases[i] = this.groupIn(this.root, functionTitle(graph), `function ${i}`);
    });
    this.placeNodes(bodies);
    this.placeInterface();
    this.tidy(this.root);
    this.count(this.root);
    this.connect();
  }

  /** Groups around an item, the nearest first. */
  static around(item: Item): Group[] {
    const found: Group[] = [];
    for (let g = item.parent; g; g = g.parent) found.push(g);
    return found;
  }

  // --- placing ---

  private newGroup(parent: Group | null, title: string): Group {
    return {
      kind: "group",
      id: this.groups++,
      parent,
      title,
      children: [],
      size: 0,
      tally: noTally(),
      at: Number.POSITIVE_INFINITY,
      edges: new Map(),
      fromOutside: new Map(),
      toOutside: new Map(),
    };
  }

  private groupIn(parent: Group, title: string, key = title): Group {
    let known = this.byName.get(parent);
    if (!known) this.byName.set(parent, (known = new Map()));
    let group = known.get(key);
    if (!group) {
      group = this.newGroup(parent, title);
      known.set(key, group);
      parent.children.push(group);
    }
    return group;
  }

  /** The group that a node's name says, in the graph that it belongs to. */
  private scopeOf(node: RawNode): Group {
    let group = this.bases[node.graph ?? 0] ?? this.root;
    // Nodes made by a rewrite may have no name of their own; what they compute has one.
    const parts = (node.name || this.side.valueName(node.out?.[0] ?? -1)).split("/").filter((part) => part !== "");
    parts.pop();
    const shown = parts.length > MAX_DEPTH ? [...parts.slice(0, MAX_DEPTH - 1), parts.slice(MAX_DEPTH - 1).join("/")] : parts;
    for (const part of shown) group = this.groupIn(group, part);
    return group;
  }

  private placeNodes(bodies: Map<number, number[]>): void {
    for (const node of this.side.raw.nodes) {
      const own = bodies.get(node.id);
      if (own) this.placeOwner(node, own);
      else if (!this.isHolder(node)) this.placeLeaf(node);
    }
    for (const node of this.side.raw.nodes) if (this.isHolder(node)) this.placeHolder(node);
  }

  /** Is it a Constant node that somebody reads? */
  private isHolder(node: RawNode): boolean {
    return Side.holds(node) && (node.out ?? []).some((id) => this.side.readers.has(id));
  }

  private placeOwner(node: RawNode, bodies: number[]): void {
    const group = this.groupIn(this.scopeOf(node), nodeTitle(node), `node ${node.id}`);
    group.node = node;
    group.fate = this.fateOf(node.id);
    this.itemOf.set(node.id, group);
    for (const i of bodies) {
      const title = this.side.raw.graphs[i]?.attribute ?? "body";
      this.bases[i] = this.groupIn(group, title, `body ${i}`);
    }
  }

  private placeLeaf(node: RawNode): void {
    const parent = this.scopeOf(node);
    const leaf: Leaf = {
      kind: "node",
      parent,
      node,
      value: -1,
      title: nodeTitle(node),
      detail: this.weightOf(node),
      fate: this.fateOf(node.id),
      holders: [],
      at: this.side.order.get(node.id) ?? 0,
    };
    parent.children.push(leaf);
    this.itemOf.set(node.id, leaf);
  }

  private placeHolder(node: RawNode): void {
    for (const id of node.out ?? [])
      for (const reader of this.side.readers.get(id) ?? []) {
        const item = this.itemOf.get(reader.id);
        if (item?.kind !== "node") continue;
        item.holders.push(node);
        this.itemOf.set(node.id, item);
        return;
      }
    this.placeLeaf(node);
  }

  /** The dims of the largest constant that it reads: "768×3072". */
  private weightOf(node: RawNode): string {
    let most = 64;
    let found = "";
    for (const id of node.in ?? []) {
      const constant = this.side.constants.get(id);
      if (!constant || constant.bytes <= most) continue;
      const dims = /\[([\d,]+)\]$/.exec(this.side.values.get(id)?.type ?? "");
      if (!dims?.[1]) continue;
      most = constant.bytes;
      found = dims[1].split(",").join("\u00d7");
    }
    return found;
  }

  private placeInterface(): void {
    const graph = this.side.raw.graphs[0];
    const end = (value: number, kind: "input" | "output", at: number) => {
      const title = this.side.valueName(value);
      const detail = this.side.values.get(value)?.type ?? "";
      this.root.children.push({ kind, parent: this.root, value, title, detail, fate: "kept", holders: [], at });
    };
    const inputs = (graph?.in ?? []).filter((id) => !this.side.constants.has(id));
    inputs.forEach((id, i) => end(id, "input", i - inputs.length));
    (graph?.out ?? []).forEach((id, i) => end(id, "output", this.side.raw.nodes.length + i));
  }

  // --- shape of the tree ---

  private tidy(group: Group): void {
    for (let i = 0; i < group.children.length; i++) {
      let child = group.children[i] as Item;
      if (child.kind !== "group") continue;
      this.tidy(child);
      // A group of one thing says nothing that its parent could not.
      const only = child.children.length === 1 && !child.node ? child.children[0] : undefined;
      if (only && (only.kind === "group" ? !only.node : true)) {
        if (only.kind === "group") only.title = `${child.title}/${only.title}`;
        only.parent = group;
        child = only;
        group.children[i] = only;
      }
      if (child.kind === "group" && !child.children.length && child.node) this.tidyOwner(group, i, child);
    }
    group.children = group.children.filter((c) => c.kind !== "group" || c.children.length > 0);
    group.at = Math.min(group.at, ...group.children.slice(0, 1000).map((c) => c.at));
    group.children.sort((a, b) => a.at - b.at);
    if (group.children.length > MAX_CHILDREN) this.cut(group);
  }

  /** A node whose bodies are empty is a node like any other. */
  private tidyOwner(group: Group, i: number, owner: Group): void {
    const node = owner.node as RawNode;
    const leaf: Leaf = {
      kind: "node", parent: group, node, value: -1, title: owner.title, detail: "", fate: owner.fate ?? "kept", holders: [],
      at: this.side.order.get(node.id) ?? 0,
    }; // prettier-ignore
    group.children[i] = leaf;
    this.itemOf.set(node.id, leaf);
  }

  /** Makes a long list shorter: layers become one group, and what is then left is cut into pieces. */
  private cut(group: Group): void {
    this.gather(group);
    if (group.children.length <= MAX_CHILDREN) return;
    const groups = group.children.filter((c) => c.kind === "group").length;
    // A few groups stay as they are: their names say more than "part 3 of 7".
    const stays = (c: Item) => c.kind === "input" || c.kind === "output" || (c.kind === "group" && groups <= MAX_CHILDREN / 2);
    const ends = group.children.filter(stays);
    const rest = group.children.filter((c) => !stays(c));
    if (rest.length <= PIECE / 2) return;
    const pieces: Item[] = [];
    const n = Math.ceil(rest.length / PIECE);
    for (let i = 0; i < n; i++) {
      const piece = this.newGroup(group, `part ${i + 1} of ${n}`);
      piece.children = rest.slice(Math.floor((i * rest.length) / n), Math.floor(((i + 1) * rest.length) / n));
      for (const child of piece.children) child.parent = piece;
      piece.at = piece.children[0]?.at ?? 0;
      pieces.push(piece);
    }
    group.children = [...ends, ...pieces];
    group.children.sort((a, b) => a.at - b.at);
    if (pieces.length > MAX_CHILDREN) this.cut(group);
  }

  /** Puts "layer.0", "layer.1", ... into a group of their own. */
  private gather(group: Group): void {
    const series = new Map<string, Group[]>();
    for (const child of group.children) {
      const stem = child.kind === "group" && !child.node ? /^(.*?)\d+$/.exec(child.title)?.[1] : undefined;
      if (stem !== undefined) series.set(stem, [...(series.get(stem) ?? []), child as Group]);
    }
    for (const members of series.values()) {
      const first = members[0];
      if (members.length < SERIES || members.length === group.children.length || !first) continue;
      const number = (g: Group) => Number(/\d+$/.exec(g.title)?.[0]);
      const named = [...members].sort((a, b) => number(a) - number(b));
      const all = this.newGroup(group, `${named[0]?.title} \u2013 ${named[named.length - 1]?.title}`);
      all.children = members;
      all.at = first.at;
      for (const member of members) member.parent = all;
      const inside = new Set<Item>(members);
      group.children = group.children.map((c) => (c === first ? all : c)).filter((c) => !inside.has(c));
    }
  }

  private count(group: Group): void {
    const add = (fate: Fate) => {
      group.tally[fate]++;
      group.size++;
    };
    if (group.fate) add(group.fate);
    for (const child of group.children) {
      if (child.kind === "group") {
        this.count(child);
        group.size += child.size;
        for (const fate of FATES) group.tally[fate] += child.tally[fate];
      } else if (child.kind === "node") {
        add(child.fate);
        for (const holder of child.holders) add(this.fateOf(holder.id));
      }
    }
  }

  // --- edges ---

  private connect(): void {
    for (const node of this.side.raw.nodes) {
      const to = this.itemOf.get(node.id);
      if (!to || (to.kind === "node" && to.node !== node)) continue; // a holder
      for (const id of new Set(node.in ?? [])) {
        const producer = this.side.producer.get(id);
        if (!producer) continue;
        const from = this.itemOf.get(producer.id);
        if (from && !(from.kind === "node" && from.node !== producer)) this.link(from, to);
      }
    }
    for (const end of this.root.children) {
      if (end.kind === "input")
        for (const reader of this.side.readers.get(end.value) ?? []) this.linkIf(end, this.itemOf.get(reader.id));
      if (end.kind === "output") {
        const producer = this.side.producer.get(end.value);
        const input = this.root.children.find((c) => c.kind === "input" && c.value === end.value);
        this.linkIf(producer ? this.itemOf.get(producer.id) : input, end);
      }
    }
    this.connectBodies();
  }

  private linkIf(from: Item | undefined, to: Item | undefined): void {
    if (from && to) this.link(from, to);
  }

  /** What a body hands out leaves it towards the node that holds it. */
  private connectBodies(): void {
    this.side.raw.graphs.forEach((graph, i) => {
      const base = this.bases[i];
      if (graph.kind !== "body" || !base) return;
      for (const id of graph.out ?? []) {
        const producer = this.side.producer.get(id);
        const from = producer && this.itemOf.get(producer.id);
        if (from && producer?.graph === i) this.leave(from, base.parent);
      }
    });
  }

  private leave(item: Item, until: Group | null): void {
    for (let at: Item = item; at.parent && at.parent !== until; at = at.parent) bump(at.parent.toOutside, at);
  }

  /** An edge in the smallest group around both; on the way there it leaves and enters groups. */
  private link(from: Item, to: Item): void {
    const above = new Map<Group, Item>();
    for (let at: Item = from; at.parent; at = at.parent) above.set(at.parent, at);
    let below = to;
    while (below.parent && !above.has(below.parent)) {
      bump(below.parent.fromOutside, below);
      below = below.parent;
    }
    const common = below.parent;
    if (!common) return;
    const start = above.get(common) as Item;
    for (let at: Item = from; at !== start && at.parent; at = at.parent) bump(at.parent.toOutside, at);
    if (start === below) return;
    const key = `${keyOf(start)}>${keyOf(below)}`;
    const edge = common.edges.get(key);
    if (edge) edge.values++;
    else common.edges.set(key, { from: start, to: below, values: 1 });
  }
}

function functionTitle(graph: RawGraph): string {
  return `function ${graph.domain ? `${graph.domain}::` : ""}${graph.name ?? ""}`;
}

export function keyOf(item: Item): string {
  return item.kind === "group" ? `g${item.id}` : item.node ? `n${item.node.id}` : `${item.kind}${item.value}`;
}

function bump(map: Map<Item, number>, item: Item): void {
  map.set(item, (map.get(item) ?? 0) + 1);
}

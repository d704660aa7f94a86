/** One graph on a canvas: zooming, opening and closing groups, picking. */
import { select } from "d3-selection";
import "d3-transition";
import { type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import type { RawNode } from "./data.ts";
import { type Emphasis, Painter } from "./draw.ts";
import type { Fate } from "./fate.ts";
import { type Box, HOLDER, Layout, shownHolders } from "./layout.ts";
import type { Palette } from "./theme.ts";
import { type Group, type Item, Tree } from "./tree.ts";

export interface Pick {
  item: Item;
  node: RawNode | undefined;
}

const FIRST_SIGHT = 64; // boxes shown at first
const SMALLEST = 0.004;
const LARGEST = 3;
const READABLE = 0.62; // a graph that does not fit at this scale is shown from its top

export class GraphView {
  private readonly ctx: CanvasRenderingContext2D;
  private readonly layout: Layout;
  private readonly behavior = zoom<HTMLCanvasElement, unknown>().scaleExtent([SMALLEST, LARGEST]);
  private readonly boxes = new Map<Item, Box>();
  private readonly watch: ResizeObserver;
  private open = new Set<Group>();
  private root: Box | null = null;
  private transform: ZoomTransform = zoomIdentity;
  private frame = 0;
  private run = 0;
  private fitted = false;
  private emphasis: Emphasis = { marked: null, nodes: new Set(), dim: false, picked: null, holder: -1, hover: null };
  onPick: (pick: Pick | null) => void = () => {};
  onView: () => void = () => {};

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly tree: Tree,
    private readonly fateOf: (id: number) => Fate,
    private colors: Palette,
  ) {
    this.ctx = canvas.getContext("2d") as CanvasRenderingContext2D;
    this.layout = new Layout(tree.root);
    this.behavior.on("zoom", (event: { transform: ZoomTransform }) => {
      this.transform = event.transform;
      this.draw();
    });
    select(canvas).call(this.behavior).on("dblclick.zoom", null);
    canvas.addEventListener("click", this.clicked);
    canvas.addEventListener("dblclick", this.doubleClicked);
    canvas.addEventListener("pointermove", this.moved);
    canvas.addEventListener("pointerleave", () => this.setHover(null));
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(canvas);
    this.open = this.firstSight();
  }

  destroy(): void {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = -1;
  }

  /** Groups that are open at first: the outer ones, as long as the picture stays small. */
  private firstSight(): Set<Group> {
    const open = new Set<Group>();
    let shown = this.tree.root.children.length;
    const queue = this.tree.root.children.filter((c) => c.kind === "group");
    for (let group = queue.shift(); group; group = queue.shift()) {
      if (shown + group.children.length - 1 > FIRST_SIGHT) continue;
      shown += group.children.length - 1;
      open.add(group);
      queue.push(...group.children.filter((c) => c.kind === "group"));
    }
    return open;
  }

  // --- layout ---

  async start(): Promise<void> {
    await this.relayout();
    this.fit(false);
  }

  private async relayout(): Promise<void> {
    const run = ++this.run;
    const root = await this.layout.run(this.open);
    if (run !== this.run) return; // something newer is on its way
    this.root = root;
    this.boxes.clear();
    const add = (box: Box) => {
      this.boxes.set(box.item, box);
      for (const inner of box.inner) add(inner);
    };
    add(root);
    this.draw();
  }

  /** Opens or closes a group, which stays where it is on the screen. */
  async toggle(group: Group, open = !this.open.has(group)): Promise<void> {
    if (open) this.open.add(group);
    else this.open.delete(group);
    await this.keeping(group);
  }

  async openAll(): Promise<void> {
    const add = (group: Group) => {
      for (const child of group.children)
        if (child.kind === "group") {
          this.open.add(child);
          add(child);
        }
    };
    add(this.tree.root);
    await this.relayout();
    this.fit(true, true);
  }

  async closeAll(): Promise<void> {
    this.open = this.firstSight();
    await this.relayout();
    this.fit(true);
  }

  isOpen(group: Group): boolean {
    return this.open.has(group);
  }

  private async keeping(item: Item): Promise<void> {
    const before = this.boxes.get(item);
    await this.relayout();
    const after = this.boxes.get(item);
    if (!before || !after) return;
    const { k } = this.transform;
    const dx = (before.x + before.w / 2 - after.x - after.w / 2) * k;
    const dy = (before.y - after.y) * k;
    this.moveTo(zoomIdentity.translate(this.transform.x + dx, this.transform.y + dy).scale(k), false);
  }

  /** Goes to these nodes, after opening what is around them unless they are more than `most`. */
  async reveal(ids: readonly number[], most: number, animate = true): Promise<void> {
    const items = [...new Set(ids.map((id) => this.tree.itemOf.get(id)))].filter((i) => i !== undefined);
    if (items.length > most) return this.goTo([...new Set(items.map((item) => this.seenAs(item)))], animate);
    let opened = false;
    for (const item of items)
      for (const group of Tree.around(item))
        if (group.parent && !this.open.has(group)) {
          this.open.add(group);
          opened = true;
        }
    if (opened) await this.relayout();
    this.goTo(items, animate);
  }

  /** The item itself, or the outermost closed group that it is in. */
  private seenAs(item: Item): Item {
    let seen = item;
    for (const group of Tree.around(item)) if (group.parent && !this.open.has(group)) seen = group;
    return seen;
  }

  // --- moving ---

  private get width(): number {
    return this.canvas.clientWidth;
  }
  private get height(): number {
    return this.canvas.clientHeight;
  }

  private moveTo(transform: ZoomTransform, animate: boolean): void {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const canvas = select(this.canvas);
    if (animate && !still && !document.hidden) canvas.transition().duration(260).call(this.behavior.transform, transform);
    else canvas.interrupt().call(this.behavior.transform, transform);
  }

  private goTo(items: readonly Item[], animate: boolean): void {
    const boxes = items.map((item) => this.boxes.get(item)).filter((b) => b !== undefined);
    const [first] = boxes.sort((a, b) => a.y - b.y);
    if (!first || !this.width) return;
    const left = Math.min(...boxes.map((b) => b.x));
    const right = Math.max(...boxes.map((b) => b.x + b.w));
    const top = Math.min(...boxes.map((b) => b.y));
    const bottom = Math.max(...boxes.map((b) => b.y + b.h));
    const fits = Math.min(this.width / (right - left + 120), this.height / (bottom - top + 120));
    // What does not fit at a scale that can be read is shown from its top.
    const k = Math.max(Math.min(1, fits), READABLE);
    const high = (bottom - top) * k;
    const x = this.width / 2 - (k > fits ? first.x + first.w / 2 : (left + right) / 2) * k;
    const y = high > this.height - 120 ? 70 - top * k : this.height / 2 - ((top + bottom) / 2) * k;
    this.moveTo(zoomIdentity.translate(x, y).scale(k), animate);
  }

  /** The whole graph; at a scale that can be read, unless all of it is asked for. */
  fit(animate = true, whole = false): void {
    if (!this.root || !this.width) return;
    this.fitted = true;
    const margin = 28;
    const wide = (this.width - 2 * margin) / Math.max(1, this.root.w);
    const high = (this.height - 2 * margin) / Math.max(1, this.root.h);
    const least = whole ? SMALLEST : READABLE;
    const k = Math.min(1.15, Math.max(Math.min(wide, high), least));
    const x = (this.width - this.root.w * k) / 2;
    const y = this.root.h * k + 2 * margin < this.height ? (this.height - this.root.h * k) / 2 : margin;
    this.moveTo(zoomIdentity.translate(x, y).scale(k), animate);
  }

  zoomBy(factor: number): void {
    select(this.canvas).call(this.behavior.scaleBy, factor);
  }

  panBy(dx: number, dy: number): void {
    const { k, x, y } = this.transform;
    this.moveTo(zoomIdentity.translate(x + dx, y + dy).scale(k), false);
  }

  // --- picking ---

  setColors(colors: Palette): void {
    this.colors = colors;
    this.draw();
  }

  /** Emphasizes these nodes (null: none), over all others if these shall step back, and one as picked. */
  show(nodes: ReadonlySet<number> | null, picked: Item | null, dim: boolean, holder = -1): void {
    let marked: Map<Item, number> | null = null;
    if (nodes) {
      marked = new Map();
      for (const id of nodes)
        for (let at: Item | null = this.tree.itemOf.get(id) ?? null; at; at = at.parent) marked.set(at, (marked.get(at) ?? 0) + 1);
      if (picked) for (let at: Item | null = picked; at; at = at.parent) if (!marked.has(at)) marked.set(at, 0);
    }
    this.emphasis = { ...this.emphasis, marked, nodes: nodes ?? new Set(), dim, picked, holder };
    this.draw();
  }

  private setHover(hover: Item | null): void {
    if (hover === this.emphasis.hover) return;
    this.emphasis = { ...this.emphasis, hover };
    this.canvas.style.cursor = hover ? "pointer" : "";
    this.canvas.title = hover ? tip(hover) : "";
    this.draw();
  }

  private at(event: MouseEvent): { box: Box; x: number; y: number } | null {
    const area = this.canvas.getBoundingClientRect();
    const [x, y] = this.transform.invert([event.clientX - area.left, event.clientY - area.top]);
    const inside = (b: Box) => x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + b.h;
    let found: Box | null = null;
    for (let next = this.root; next; ) {
      found = next === this.root ? null : next;
      next = next.inner.find(inside) ?? null;
    }
    return found ? { box: found, x, y } : null;
  }

  private readonly moved = (event: MouseEvent): void => {
    const hit = event.buttons ? null : this.at(event);
    this.setHover(hit && !hit.box.open ? hit.box.item : null);
  };

  private readonly clicked = (event: MouseEvent): void => {
    const hit = this.at(event);
    if (!hit) return this.onPick(null);
    const { box, x, y } = hit;
    const { item } = box;
    if (item.kind === "group") {
      if (y < box.y + 24 && x < box.x + 22) return void this.toggle(item);
      if (box.open && y > box.y + 26) return this.onPick(null);
      return this.onPick({ item, node: item.node });
    }
    let node = item.node;
    for (let i = 0; i < shownHolders(item); i++)
      if (Math.hypot(x - box.x - HOLDER * (i + 0.5) + 1, y - box.y - box.h / 2) < 6) node = item.holders[i];
    this.onPick({ item, node });
  };

  private readonly doubleClicked = (event: MouseEvent): void => {
    const hit = this.at(event);
    if (hit?.box.item.kind === "group") void this.toggle(hit.box.item);
  };

  /** The neighbour of an item in a direction: what it reads, what reads it, or what stands beside it. */
  neighbour(item: Item, direction: "up" | "down" | "left" | "right"): Item | null {
    const parent = item.parent;
    const here = this.boxes.get(item);
    if (!parent || !here) return null;
    const next: Item[] = [];
    for (const edge of parent.edges.values()) {
      if (direction === "down" && edge.from === item) next.push(edge.to);
      if (direction === "up" && edge.to === item) next.push(edge.from);
    }
    if (direction === "up" || direction === "down") {
      if (next.length) return nearest(here, next, this.boxes);
      return parent.parent ? this.neighbour(parent, direction) : null;
    }
    const sign = direction === "left" ? -1 : 1;
    const beside = parent.children.filter((c) => {
      const b = this.boxes.get(c);
      return b && c !== item && Math.sign(b.x - here.x) === sign && Math.abs(b.y - here.y) < 60;
    });
    return nearest(here, beside, this.boxes);
  }

  /** Moves just as far as it takes to have an item in sight. */
  keepInSight(item: Item): void {
    const box = this.boxes.get(item);
    if (!box) return;
    const { k, x, y } = this.transform;
    const [left, top] = [box.x * k + x, box.y * k + y];
    const margin = 24;
    if (left > margin && top > 2 * margin && left + box.w * k < this.width - margin && top + Math.min(box.h * k, 100) < this.height - margin) return;
    this.goTo([item], true);
  }

  /** The nodes that stand out. */
  get emphasized(): ReadonlySet<number> {
    return this.emphasis.nodes;
  }

  /** Where an item is in the canvas, in pixels; null: nowhere. */
  placeOf(item: Item): { x: number; y: number; width: number; height: number } | null {
    const box = this.boxes.get(item);
    if (!box) return null;
    const { k, x, y } = this.transform;
    return { x: box.x * k + x, y: box.y * k + y, width: box.w * k, height: box.h * k };
  }

  // --- painting ---

  private resized(): void {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    if (!this.fitted) this.fit(false);
    this.paint();
  }

  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  /** At once, with other colours if they are given (printing). */
  paint(colors = this.colors): void {
    const { ctx, canvas } = this;
    const ratio = devicePixelRatio || 1;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colors.page;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    if (!this.root) return;
    const { k, x, y } = this.transform;
    ctx.setTransform(ratio * k, 0, 0, ratio * k, ratio * x, ratio * y);
    ctx.textBaseline = "middle";
    ctx.lineCap = "round";
    ctx.lineJoin = "round";
    new Painter(ctx, colors, { k, x, y, width: this.width, height: this.height }, this.emphasis, this.fateOf).paint(this.root);
    this.onView();
  }

  /** What an overview needs: the boxes, and the part that is in sight. */
  overview(): { root: Box; left: number; top: number; right: number; bottom: number } | null {
    if (!this.root) return null;
    const [left, top] = this.transform.invert([0, 0]);
    const [right, bottom] = this.transform.invert([this.width, this.height]);
    return { root: this.root, left, top, right, bottom };
  }

  centerAt(x: number, y: number): void {
    const { k } = this.transform;
    this.moveTo(zoomIdentity.translate(this.width / 2 - x * k, this.height / 2 - y * k).scale(k), false);
  }
}

function tip(item: Item): string {
  if (item.kind === "group") return `${item.title}: ${item.size} nodes`;
  return [item.title, (item.node?.name || item.detail).slice(0, 300)].join(" ");
}

function nearest(here: Box, items: readonly Item[], boxes: ReadonlyMap<Item, Box>): Item | null {
  let best: Item | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const box = boxes.get(item);
    if (!box) continue;
    const far = Math.hypot(box.x + box.w / 2 - here.x - here.w / 2, box.y - here.y);
    if (far < least) {
      least = far;
      best = item;
    }
  }
  return best;
}

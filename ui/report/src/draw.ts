/** Paints boxes and lines on a canvas: only what is in sight, and only as much of it as can be seen. */
import { FATES } from "./fate.ts";
import { count } from "./format.ts";
import { type Box, HOLDER, type Line, shownHolders } from "./layout.ts";
import { FONT, clip, fontAt, textWidth } from "./text.ts";
import type { Palette } from "./theme.ts";
import type { Group, Item, Leaf } from "./tree.ts";

export interface View {
  k: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What is to be seen first. */
export interface Emphasis {
  /** How many emphasized nodes an item is or holds; null: none is, all are alike. */
  marked: ReadonlyMap<Item, number> | null;
  nodes: ReadonlySet<number>;
  dim: boolean; // all others step back
  picked: Item | null;
  holder: number; // id of the Constant node that is picked
  hover: Item | null;
}

const DIM = 0.34;
const TEXT_FROM = 0.46; // scales from which text is drawn
const ARROWS_FROM = 0.5;
const SOLID_BELOW = 9; // pixels: an open group of that height is a plain rectangle
const LINES_FROM = 0.06;

export class Painter {
  constructor(
    private readonly ctx: CanvasRenderingContext2D,
    private readonly colors: Palette,
    private readonly view: View,
    private readonly emphasis: Emphasis,
    private readonly fateOf: (id: number) => keyof Palette["fill"],
  ) {}

  paint(root: Box): void {
    this.lines(root);
    for (const box of root.inner) this.box(box, 0);
  }

  private visible(x: number, y: number, w: number, h: number): boolean {
    const { k, width, height } = this.view;
    const left = x * k + this.view.x;
    const top = y * k + this.view.y;
    return left < width && top < height && left + w * k > 0 && top + h * k > 0;
  }

  private shade(item: Item): number {
    const { marked, dim } = this.emphasis;
    return !dim || !marked || marked.has(item) ? 1 : DIM;
  }

  /** Emphasized nodes among many are painted in full. */
  private vivid(item: Item): boolean {
    return this.emphasis.dim && this.emphasized(item);
  }

  /** It itself, not what is drawn beside it or in it. */
  private emphasized(item: Item): boolean {
    return item.node !== undefined && this.emphasis.nodes.has(item.node.id);
  }

  private box(box: Box, depth: number): void {
    if (!this.visible(box.x - 4, box.y - 4, box.w + 8, box.h + 8)) return;
    if (box.item.kind !== "group") this.leaf(box, box.item);
    else if (box.open) this.openGroup(box, box.item, depth);
    else this.closedGroup(box, box.item, depth);
  }

  private rect(x: number, y: number, w: number, h: number, r: number): void {
    this.ctx.beginPath();
    this.ctx.roundRect(x, y, w, h, r);
  }

  /** Around what is picked or hovered over, as wide at any scale. */
  private ring(item: Item, x: number, y: number, w: number, h: number, r: number): void {
    const { ctx, colors, emphasis } = this;
    const picked = emphasis.picked === item || (!emphasis.dim && this.emphasized(item));
    if (!picked && emphasis.hover !== item) return;
    const gap = 3;
    ctx.globalAlpha = 1;
    ctx.strokeStyle = picked ? colors.accent : colors.muted;
    ctx.lineWidth = (picked ? 2.5 : 1.25) / Math.min(1, this.view.k);
    this.rect(x - gap, y - gap, w + 2 * gap, h + 2 * gap, r + gap);
    ctx.stroke();
  }

  private text(text: string, font: string, color: string, x: number, y: number, room: number): void {
    const { ctx } = this;
    ctx.font = font;
    ctx.fillStyle = color;
    const shown = clip(text);
    ctx.fillText(shown, x, y, room);
  }

  // --- leaves ---

  private leaf(box: Box, leaf: Leaf): void {
    const { ctx, colors } = this;
    const { k } = this.view;
    const beside = HOLDER * shownHolders(leaf);
    const [x, y, w, h] = [box.x + beside, box.y, box.w - 2 * beside, box.h];
    const end = leaf.kind !== "node";
    const radius = end ? h / 2 : 5;
    ctx.globalAlpha = this.shade(leaf);
    const vivid = this.vivid(leaf);
    ctx.fillStyle = vivid ? colors.stroke[leaf.fate] : end ? colors.page : colors.fill[leaf.fate];
    ctx.strokeStyle = end ? colors.muted : colors.stroke[leaf.fate];
    ctx.lineWidth = leaf.fate === "new" ? 1.8 : 1.1;
    this.rect(x, y, w, h, radius);
    ctx.fill();
    if (k > 0.2) {
      if (leaf.fate === "gone") ctx.setLineDash([3.5, 2.5]);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (leaf.fate === "changed" && k > 0.3) {
      ctx.fillStyle = colors.stroke.changed;
      this.rect(x + 3.5, y + 5, 2.5, h - 10, 1.2);
      ctx.fill();
    }
    if (k >= TEXT_FROM) {
      ctx.textAlign = "center";
      const middle = x + w / 2;
      const title = leaf.detail ? y + 14 : y + h / 2 + 0.5;
      this.text(leaf.title, FONT.title, vivid ? colors.page : colors.text, middle, title, w - 12);
      if (leaf.detail) this.text(leaf.detail, FONT.detail, vivid ? colors.page : colors.muted, middle, y + 28, w - 12);
    }
    this.holders(box, leaf);
    this.ring(leaf, x, y, w, h, radius);
  }

  private holders(box: Box, leaf: Leaf): void {
    const { ctx, colors, emphasis } = this;
    if (this.view.k < 0.25) return;
    const n = shownHolders(leaf);
    for (let i = 0; i < n; i++) {
      const holder = leaf.holders[i];
      if (!holder) break;
      const fate = this.fateOf(holder.id);
      const marked = emphasis.nodes.has(holder.id);
      ctx.globalAlpha = !emphasis.dim || marked ? 1 : DIM;
      ctx.beginPath();
      ctx.arc(box.x + HOLDER * (i + 0.5) - 1, box.y + box.h / 2, 3.6, 0, 2 * Math.PI);
      ctx.fillStyle = emphasis.dim && marked ? colors.stroke[fate] : colors.fill[fate];
      ctx.strokeStyle = emphasis.holder === holder.id ? colors.accent : colors.stroke[fate];
      ctx.lineWidth = emphasis.holder === holder.id ? 2.5 : 1.1;
      ctx.fill();
      if (fate === "gone") ctx.setLineDash([2, 1.6]);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }

  // --- groups ---

  private tallyBar(group: Group, x: number, y: number, w: number, h: number): void {
    const { ctx, colors } = this;
    let left = x;
    for (const fate of FATES) {
      const part = (w * group.tally[fate]) / Math.max(1, group.size);
      if (!part) continue;
      ctx.fillStyle = fate === "kept" ? colors.line : colors.stroke[fate];
      ctx.fillRect(left, y, part, h);
      left += part;
    }
  }

  private closedGroup(box: Box, group: Group, depth: number): void {
    const { ctx, colors } = this;
    const { x, y, w, h } = box;
    ctx.globalAlpha = this.shade(group);
    ctx.strokeStyle = colors.faint;
    ctx.lineWidth = 1;
    this.rect(x + 4, y + h - 6, w - 8, 9, 4); // there is more below
    ctx.stroke();
    ctx.fillStyle = colors.group[depth % 2 === 0 ? 0 : 1];
    this.rect(x, y, w, h, 7);
    ctx.fill();
    ctx.stroke();
    if (this.view.k >= TEXT_FROM) {
      ctx.textAlign = "left";
      this.text(group.title, FONT.group, colors.text, x + 24, y + 14, w - 32);
      this.text(`${count(group.size)} node${group.size === 1 ? "" : "s"}`, FONT.count, colors.muted, x + 24, y + 29, w - 32);
      this.toggle(x + 12, y + 14, false);
    }
    this.tallyBar(group, x + 10, y + h - 8, w - 20, 3.5);
    this.badge(group, x + w, y);
    this.ring(group, x, y, w, h, 7);
  }

  private openGroup(box: Box, group: Group, depth: number): void {
    const { ctx, colors } = this;
    const { k } = this.view;
    const { x, y, w, h } = box;
    ctx.globalAlpha = 1;
    ctx.fillStyle = colors.group[depth % 2 === 0 ? 0 : 1];
    this.rect(x, y, w, h, 8);
    ctx.fill();
    if (h * k < SOLID_BELOW) {
      this.tallyBar(group, x, y, w, h);
      return;
    }
    ctx.strokeStyle = colors.faint;
    ctx.lineWidth = 1 / Math.min(1, k);
    ctx.stroke();
    this.lines(box);
    for (const inner of box.inner) this.box(inner, depth + 1);
    ctx.globalAlpha = 1;
    this.header(group, x, y, w, h);
    this.ring(group, x, y, w, h, 8);
  }

  private header(group: Group, x: number, y: number, w: number, h: number): void {
    const { ctx, colors } = this;
    const { k } = this.view;
    ctx.textAlign = "left";
    if (k >= TEXT_FROM) {
      this.toggle(x + 13, y + 13, true);
      this.text(group.title, FONT.group, colors.text, x + 24, y + 13.5, w - 36);
      const size = count(group.size);
      const taken = textWidth(group.title, FONT.group) + textWidth(size, FONT.count) + 48;
      if (taken > w) return;
      ctx.textAlign = "right";
      this.text(size, FONT.count, colors.muted, x + w - 10, y + 13.5, w);
      return;
    }
    // From afar: a label of a size that can be read, if it fits.
    const size = 11 / k;
    const font = fontAt(size);
    const wide = textWidth(group.title, fontAt(11)) / k;
    if (wide + 12 / k > w || h * k < 34) return;
    ctx.globalAlpha = 0.9;
    ctx.fillStyle = colors.page;
    this.rect(x + 4 / k, y + 4 / k, wide + 10 / k, 17 / k, 3 / k);
    ctx.fill();
    ctx.globalAlpha = 1;
    this.text(group.title, font, colors.text, x + 9 / k, y + 12.5 / k, wide + 2);
  }

  /** A chevron. */
  private toggle(x: number, y: number, open: boolean): void {
    const { ctx, colors } = this;
    ctx.strokeStyle = colors.muted;
    ctx.lineWidth = 1.6;
    ctx.beginPath();
    if (open) {
      ctx.moveTo(x - 4, y - 2);
      ctx.lineTo(x, y + 2);
      ctx.lineTo(x + 4, y - 2);
    } else {
      ctx.moveTo(x - 2, y - 4);
      ctx.lineTo(x + 2, y);
      ctx.lineTo(x - 2, y + 4);
    }
    ctx.stroke();
  }

  /** How many emphasized nodes are in a closed group. */
  private badge(group: Group, right: number, top: number): void {
    const { ctx, colors, emphasis } = this;
    const n = emphasis.marked?.get(group);
    if (!n || this.view.k < 0.2) return;
    const text = count(n);
    const w = Math.max(18, textWidth(text, FONT.count) + 10);
    ctx.fillStyle = colors.accent;
    this.rect(right - w + 5, top - 7, w, 16, 8);
    ctx.fill();
    ctx.textAlign = "center";
    this.text(text, FONT.count, colors.page, right - w / 2 + 5, top + 1.5, w);
  }

  // --- lines ---

  private near(line: Line): boolean {
    const { picked } = this.emphasis;
    return picked !== null && (line.from === picked || line.to === picked);
  }

  private lines(box: Box): void {
    const { ctx, colors, emphasis } = this;
    const { k } = this.view;
    if (k < LINES_FROM) return;
    ctx.globalAlpha = emphasis.dim ? 0.5 : 1;
    ctx.lineWidth = Math.max(1.1, 0.7 / k);
    ctx.strokeStyle = colors.edge;
    ctx.beginPath();
    const close: Line[] = [];
    for (const line of box.lines) {
      if (!this.inSight(line)) continue;
      if (this.near(line)) close.push(line);
      else this.curve(line);
    }
    ctx.stroke();
    if (k >= ARROWS_FROM) this.arrows(box.lines, colors.edge);
    if (!close.length) return;
    ctx.globalAlpha = 1;
    ctx.lineWidth = Math.max(2, 1.2 / k);
    ctx.strokeStyle = colors.accent;
    ctx.beginPath();
    for (const line of close) this.curve(line, true);
    ctx.stroke();
    if (k >= ARROWS_FROM) this.arrows(close, colors.accent);
  }

  private inSight(line: Line): boolean {
    const first = line.points[0];
    const last = line.points[line.points.length - 1];
    if (!first || !last) return false;
    const { k, y, height } = this.view;
    const top = Math.min(first[1], last[1]) * k + y;
    const bottom = Math.max(first[1], last[1]) * k + y;
    return bottom > 0 && top < height;
  }

  /** Of a stub only the end, unless all of it is to be seen. */
  private curve(line: Line, whole = false): void {
    const { ctx } = this;
    const p = line.stub && !whole ? line.points.slice(-2) : line.points;
    const start = p[0] as [number, number];
    ctx.moveTo(start[0], start[1]);
    for (let i = 1; i < p.length - 1; i++) {
      const [x, y] = p[i] as [number, number];
      const next = p[i + 1] as [number, number];
      const last = i === p.length - 2;
      ctx.quadraticCurveTo(x, y, last ? next[0] : (x + next[0]) / 2, last ? next[1] : (y + next[1]) / 2);
    }
    if (p.length === 2) ctx.lineTo((p[1] as [number, number])[0], (p[1] as [number, number])[1]);
  }

  private arrows(lines: readonly Line[], color: string): void {
    const { ctx } = this;
    ctx.fillStyle = color;
    ctx.beginPath();
    for (const line of lines) {
      const p = line.points;
      const tip = p[p.length - 1];
      const from = p[p.length - 2];
      if (!tip || !from || !line.to || !this.visible(tip[0] - 6, tip[1] - 6, 12, 12)) continue;
      const angle = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
      for (const [i, turn] of [0, 2.7, -2.7].entries()) {
        const reach = i === 0 ? 0 : 6.5;
        const x = tip[0] + reach * Math.cos(angle + turn);
        const y = tip[1] + reach * Math.sin(angle + turn);
        if (i === 0) ctx.moveTo(x, y);
        else ctx.lineTo(x, y);
      }
    }
    ctx.fill();
  }
}

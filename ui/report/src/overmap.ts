/** The whole graph, small, with the part that is in sight. */
import type { GraphView } from "./graphview.ts";
import type { Box } from "./layout.ts";
import { type Palette, palette } from "./theme.ts";

const MOST_WIDE = 120;
const MOST_HIGH = 190;
const LEAST_WIDE = 26;

export class Overmap {
  private scale = 1;
  private inset: [number, number] = [0, 0];
  private frame = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly view: GraphView,
  ) {
    canvas.addEventListener("pointerdown", this.go);
    canvas.addEventListener("pointermove", (event) => event.buttons && this.go(event));
  }

  private readonly go = (event: PointerEvent): void => {
    const area = this.canvas.getBoundingClientRect();
    this.view.centerAt(
      (event.clientX - area.left - this.inset[0]) / this.scale,
      (event.clientY - area.top - this.inset[1]) / this.scale,
    );
  };

  draw(): void {
    if (!this.frame)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.paint(palette());
      });
  }

  private paint(colors: Palette): void {
    const seen = this.view.overview();
    const ctx = this.canvas.getContext("2d");
    if (!seen || !ctx) return;
    const { root } = seen;
    const all = seen.left <= 0 && seen.top <= 0 && seen.right >= root.w && seen.bottom >= root.h;
    this.canvas.hidden = all;
    if (all) return;
    this.scale = Math.min(MOST_WIDE / root.w, MOST_HIGH / root.h);
    const wide = Math.max(LEAST_WIDE, root.w * this.scale);
    const high = Math.max(LEAST_WIDE, root.h * this.scale);
    this.inset = [(wide - root.w * this.scale) / 2, (high - root.h * this.scale) / 2];
    const ratio = devicePixelRatio || 1;
    this.canvas.style.width = `${wide}px`;
    this.canvas.style.height = `${high}px`;
    this.canvas.width = wide * ratio;
    this.canvas.height = high * ratio;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.translate(...this.inset);
    for (const box of root.inner) this.box(ctx, box, colors);
    const s = this.scale;
    ctx.strokeStyle = colors.accent;
    ctx.lineWidth = 1.5;
    const left = Math.max(seen.left * s, -this.inset[0] + 1);
    const top = Math.max(seen.top * s, -this.inset[1] + 1);
    const right = Math.min(seen.right * s, wide - this.inset[0] - 1);
    const bottom = Math.min(seen.bottom * s, high - this.inset[1] - 1);
    if (right > left && bottom > top) ctx.strokeRect(left, top, right - left, bottom - top);
  }

  private box(ctx: CanvasRenderingContext2D, box: Box, colors: Palette): void {
    const s = this.scale;
    const { item } = box;
    if (box.open && box.h * s > 3) {
      ctx.fillStyle = colors.group[1];
      ctx.fillRect(box.x * s, box.y * s, box.w * s, box.h * s);
      for (const inner of box.inner) this.box(ctx, inner, colors);
      return;
    }
    ctx.fillStyle = item.kind === "group" ? colors.faint : colors.stroke[item.fate];
    ctx.fillRect(box.x * s, box.y * s, Math.max(1, box.w * s), Math.max(0.75, box.h * s));
  }
}

/** Fonts of the drawing, and how wide text is in them. */
const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export const FONT = {
  title: `600 12px ${SANS}`,
  detail: `10.5px ${SANS}`,
  group: `600 12px ${SANS}`,
  count: `11px ${SANS}`,
} as const;

export const fontAt = (size: number, weight = 600): string => `${weight} ${size}px ${SANS}`;

const MOST = 40; // code units beyond that are not drawn

let ruler: CanvasRenderingContext2D | null = null;
const widths = new Map<string, number>();

export function clip(text: string): string {
  return text.length > MOST ? `${[...text.slice(0, MOST)].slice(0, -1).join("")}\u2026` : text;
}

export function textWidth(text: string, font: string): number {
  const shown = clip(text);
  const key = font + shown;
  let width = widths.get(key);
  if (width === undefined) {
    ruler ??= document.createElement("canvas").getContext("2d");
    if (!ruler) return shown.length * 7;
    ruler.font = font;
    width = ruler.measureText(shown).width;
    widths.set(key, width);
  }
  return width;
}

/** Numbers as people read them. */
const whole = new Intl.NumberFormat("en-US");
const MINUS = "\u2212";

export const count = (n: number): string => whole.format(n).replace("-", MINUS);

export function signed(n: number): string {
  return n > 0 ? `+${count(n)}` : count(n);
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = Math.abs(n);
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  const digits = unit === 0 ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return `${n < 0 ? MINUS : ""}${size.toFixed(digits)}\u00a0${units[unit]}`;
}

export const signedBytes = (n: number): string => (n > 0 ? `+${bytes(n)}` : bytes(n));

export function percent(before: number, after: number): string {
  if (!before || before === after) return "";
  const change = ((after - before) / before) * 100;
  const text = Math.abs(change) < 0.1 ? Math.abs(change).toPrecision(1) : Math.abs(change).toFixed(1);
  return `${change < 0 ? MINUS : "+"}${text}\u00a0%`;
}

export function seconds(s: number): string {
  if (s >= 10) return `${s.toFixed(1)}\u00a0s`;
  if (s >= 1) return `${s.toFixed(2)}\u00a0s`;
  const ms = s * 1000;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)}\u00a0ms`;
}

export const plural = (n: number, word: string): string => `${count(n)}\u00a0${word}${n === 1 ? "" : "s"}`;

/** The last part of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1) || path;

/** The end of a long path: what tells it from others. */
export function tail(text: string, most: number): string {
  if (text.length <= most) return text;
  const points = [...text.slice(-2 * most)];
  return points.length <= most ? text : `\u2026${points.slice(1 - most).join("")}`;
}

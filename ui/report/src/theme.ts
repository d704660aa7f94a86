/** Light and dark: the choice, and the colours that the drawing takes from the style sheet. */
import type { Fate } from "./fate.ts";

export type Theme = "auto" | "light" | "dark";

export interface Palette {
  text: string;
  muted: string;
  faint: string;
  line: string;
  edge: string;
  accent: string;
  page: string;
  node: string;
  group: [string, string];
  fill: Record<Fate, string>;
  stroke: Record<Fate, string>;
}

const KEY = "onnxslim-theme";

/** A page from a file may have no storage. */
export function storedTheme(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : "auto";
  } catch {
    return "auto";
  }
}

const system = matchMedia("(prefers-color-scheme: dark)");

/** From now on, also when the system changes its mind. */
export function applyTheme(theme: Theme): void {
  const set = () => {
    document.documentElement.dataset["theme"] = theme === "auto" ? (system.matches ? "dark" : "light") : theme;
    dispatchEvent(new Event("recolor"));
  };
  system.onchange = set;
  set();
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It is then forgotten with the page.
  }
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const fates = (kind: string): Record<Fate, string> => ({
    kept: get(`kept-${kind}`),
    changed: get(`changed-${kind}`),
    fused: get(`fused-${kind}`),
    gone: get(`gone-${kind}`),
    new: get(`new-${kind}`),
  });
  return {
    text: get("text"),
    muted: get("muted"),
    faint: get("faint"),
    line: get("line"),
    edge: get("edge"),
    accent: get("accent"),
    page: get("canvas"),
    node: get("surface"),
    group: [get("group-a"), get("group-b")],
    fill: fates("fill"),
    stroke: fates("stroke"),
  };
}

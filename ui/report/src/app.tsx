import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Report } from "./data.ts";
import { baseName } from "./format.ts";
import { GraphPage } from "./graphpage.tsx";
import { Overview } from "./overview.tsx";
import { type Theme, applyTheme, storedTheme } from "./theme.ts";
import { NOTHING, type Selection, World } from "./world.ts";

type Page = "overview" | "graph";

const THEMES: readonly { theme: Theme; label: string; sign: string }[] = [
  { theme: "auto", label: "as the system", sign: "Auto" },
  { theme: "light", label: "light", sign: "Light" },
  { theme: "dark", label: "dark", sign: "Dark" },
];

const pageOf = (hash: string): Page => (hash === "#graph" ? "graph" : "overview");

export function App({ report }: { report: Report }) {
  const world = useMemo(() => new World(report), [report]);
  const [page, setPage] = useState<Page>(world.graphs ? pageOf(location.hash) : "overview");
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const search = useRef<HTMLInputElement>(null);
  const title = report.input ? baseName(report.input) : "model";

  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => {
    document.title = `${title.slice(0, 80)} \u2013 onnxslim`;
    const changed = () => world.graphs && setPage(pageOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, [title, world]);

  const goTo = useCallback((next: Page) => {
    setPage(next);
    try {
      history.replaceState(null, "", next === "graph" ? "#graph" : "#overview");
    } catch {
      // A page without an address of its own (srcdoc) works without.
    }
  }, []);
  const show = useCallback(
    (next: Selection) => {
      setSelection(next);
      if (world.graphs) goTo("graph");
    },
    [goTo, world],
  );

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && world.graphs) {
        event.preventDefault();
        goTo("graph");
        requestAnimationFrame(() => search.current?.focus());
      }
      if (event.key === "Escape" && !typing) setSelection(NOTHING);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [goTo, world]);

  return (
    <>
      <header class="top">
        <div class="brand">
          <strong>onnxslim</strong>
          <span class="file" title={report.input ?? ""}>
            {title}
          </span>
        </div>
        <nav aria-label="Pages">
          <button type="button" class="tab" aria-current={page === "overview" ? "page" : undefined} onClick={() => goTo("overview")}>
            Overview
          </button>
          {world.graphs && (
            <button type="button" class="tab" aria-current={page === "graph" ? "page" : undefined} onClick={() => goTo("graph")}>
              Graph
            </button>
          )}
        </nav>
        <fieldset class="themes segmented">
          <legend class="hidden">Colours</legend>
          {THEMES.map(({ theme: t, label, sign }) => (
            <button type="button" key={t} aria-pressed={theme === t} title={`Colours: ${label}`} onClick={() => setTheme(t)}>
              {sign}
            </button>
          ))}
        </fieldset>
      </header>
      <main>
        <div class="page" hidden={page !== "overview"}>
          <Overview world={world} show={show} />
        </div>
        {world.graphs && (
          <GraphPage
            world={world}
            graphs={world.graphs}
            visible={page === "graph"}
            selection={selection}
            select={setSelection}
            search={search}
          />
        )}
      </main>
    </>
  );
}

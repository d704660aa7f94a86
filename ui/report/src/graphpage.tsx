/** Both graphs side by side, the search, and the details. */
import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Details } from "./details.tsx";
import { count } from "./format.ts";
import { GraphView, type Pick } from "./graphview.ts";
import { Overmap } from "./overmap.ts";
import { Search } from "./search.tsx";
import { palette } from "./theme.ts";
import type { Group, Item } from "./tree.ts";
import { type Graphs, NOTHING, SIDES, type Selection, type Which, type World } from "./world.ts";

type Panes = "both" | Which;

interface Props {
  world: World;
  graphs: Graphs;
  visible: boolean;
  selection: Selection;
  select: (selection: Selection) => void;
  search: RefObject<HTMLInputElement | null>;
}

const STEP = 80; // pixels that an arrow key moves by
// Nodes of one rewrite, or of many, for which groups are opened.
const MOST_OF_ONE = 60;
const MOST_OF_MANY = 8;

declare global {
  interface Window {
    /** For tests: the views, to ask where something is drawn. */
    onnxslimViews?: Partial<Record<Which, GraphView>>;
  }
}

export function GraphPage({ world, graphs, visible, selection, select, search }: Props) {
  const views = useRef<Partial<Record<Which, GraphView>>>({});
  const [panes, setPanes] = useState<Panes>(() => (innerWidth < 900 ? "after" : "both"));
  const [started, setStarted] = useState(false);
  const picked = useRef<Selection>(NOTHING);

  useEffect(() => {
    if (visible) setStarted(true);
  }, [visible]);

  const groupOf = useCallback((side: Which, id: number): Group | undefined => findGroup(graphs.trees[side].root, id), [graphs]);

  const pick = useCallback(
    (side: Which, at: Pick | null) => {
      const next = selectionOf(side, at);
      picked.current = next;
      select(next);
    },
    [select],
  );

  // What is selected stands out in both graphs; the graph that it was not picked in goes there.
  useEffect(() => {
    if (!started) return;
    const shown = graphs.emphasized(selection);
    for (const side of SIDES) {
      const view = views.current[side];
      if (!view) continue;
      const item = itemOf(graphs, selection, side, groupOf);
      const dim = shown !== null && selection.kind !== "node";
      view.show(shown?.[side] ?? null, item, dim, selection.kind === "node" && selection.side === side ? holderOf(graphs, selection) : -1);
      if (picked.current === selection && "side" in selection && selection.side === side) continue; // it is in sight
      if (shown?.[side].size && selection.kind !== "fate" && selection.kind !== "op") void view.reveal([...shown[side]], selection.kind === "step" || selection.kind === "node" ? MOST_OF_ONE : MOST_OF_MANY);
      else if (item) view.keepInSight(item);
    }
    picked.current = NOTHING;
  }, [selection, started, panes, graphs, groupOf]);

  useEffect(() => {
    const recolor = () => {
      const colors = palette();
      for (const view of Object.values(views.current)) view.setColors(colors);
    };
    recolor();
    // Paper is light: by the time of beforeprint the style sheet says so.
    const atOnce = () => {
      const colors = palette();
      for (const view of Object.values(views.current)) view.paint(colors);
    };
    addEventListener("recolor", recolor);
    addEventListener("beforeprint", atOnce);
    addEventListener("afterprint", recolor);
    const print = matchMedia("print");
    print.addEventListener("change", atOnce);
    return () => {
      removeEventListener("recolor", recolor);
      removeEventListener("beforeprint", atOnce);
      removeEventListener("afterprint", recolor);
      print.removeEventListener("change", atOnce);
    };
  }, []);

  const each = (act: (view: GraphView) => void) => {
    for (const view of Object.values(views.current)) act(view);
  };
  const shown = panes === "both" ? SIDES : [panes];
  return (
    <div class={`graphpage ${visible ? "" : "away"}`} aria-hidden={!visible} inert={!visible}>
      <div class="toolbar">
        <Search graphs={graphs} select={select} input={search} />
        <div class="segmented" role="group" aria-label="Graphs shown">
          {(["before", "both", "after"] as const).map((p) => (
            <button type="button" key={p} aria-pressed={panes === p} onClick={() => setPanes(p)}>
              {p === "both" ? "Both" : p === "before" ? "Before" : "After"}
            </button>
          ))}
        </div>
        <div class="segmented" role="group" aria-label="Zoom">
          <button type="button" title="Zoom out (\u2212)" aria-label="Zoom out" onClick={() => each((v) => v.zoomBy(1 / 1.4))}>
            {"\u2212"}
          </button>
          <button type="button" title="Zoom in (+)" aria-label="Zoom in" onClick={() => each((v) => v.zoomBy(1.4))}>
            +
          </button>
          <button type="button" title="Fit (0)" onClick={() => each((v) => v.fit(true, true))}>
            Fit
          </button>
        </div>
        <div class="segmented" role="group" aria-label="Groups">
          <button type="button" title="Open all groups" onClick={() => each((v) => void v.openAll())}>
            Expand
          </button>
          <button type="button" title="Close the groups as at first" onClick={() => each((v) => void v.closeAll())}>
            Collapse
          </button>
        </div>
      </div>
      <div class="panes">
        {started &&
          shown.map((side) => <Pane key={side} graphs={graphs} side={side} views={views.current} pick={pick} selection={selection} select={select} />)}
      </div>
      <Details world={world} graphs={graphs} selection={selection} select={select} groupOf={groupOf} />
    </div>
  );
}

function findGroup(root: Group, id: number): Group | undefined {
  if (root.id === id) return root;
  for (const child of root.children) {
    const found = child.kind === "group" ? findGroup(child, id) : undefined;
    if (found) return found;
  }
  return undefined;
}

function selectionOf(side: Which, pick: Pick | null): Selection {
  if (!pick) return NOTHING;
  if (pick.node) return { kind: "node", side, id: pick.node.id };
  const { item } = pick;
  return item.kind === "group" ? { kind: "group", side, group: item.id } : { kind: "value", side, id: item.kind === "node" ? -1 : item.value };
}

function itemOf(graphs: Graphs, selection: Selection, side: Which, groupOf: (side: Which, id: number) => Group | undefined): Item | null {
  const tree = graphs.trees[side];
  if (selection.kind === "node") {
    if (selection.side === side) return tree.itemOf.get(selection.id) ?? null;
    const there = graphs.fates.counterparts(selection.id, selection.side);
    return there.length === 1 ? (tree.itemOf.get(there[0] as number) ?? null) : null;
  }
  if (selection.kind === "group" && selection.side === side) return groupOf(side, selection.group) ?? null;
  if (selection.kind === "value" && selection.side === side)
    return tree.root.children.find((c) => c.kind !== "group" && c.value === selection.id && c.kind !== "node") ?? null;
  return null;
}

/** The id if it is drawn as a dot beside another node. */
function holderOf(graphs: Graphs, selection: { side: Which; id: number }): number {
  const item = graphs.trees[selection.side].itemOf.get(selection.id);
  return item?.kind === "node" && item.node?.id !== selection.id ? selection.id : -1;
}

interface PaneProps {
  graphs: Graphs;
  side: Which;
  views: Partial<Record<Which, GraphView>>;
  pick: (side: Which, at: Pick | null) => void;
  selection: Selection;
  select: (selection: Selection) => void;
}

function Pane({ graphs, side, views, pick, selection, select }: PaneProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const [busy, setBusy] = useState(true);
  const raw = graphs.side(side).raw;

  useLayoutEffect(() => {
    if (!canvas.current || !map.current) return;
    const view = new GraphView(canvas.current, graphs.trees[side], (id) => graphs.fateOf(side, id), palette());
    const overmap = new Overmap(map.current, view);
    view.onPick = (at) => pick(side, at);
    view.onView = () => overmap.draw();
    views[side] = view;
    window.onnxslimViews = views;
    void view.start().then(() => setBusy(false));
    return () => {
      view.destroy();
      delete views[side];
    };
  }, [graphs, side, views, pick]);

  const pressed = (event: KeyboardEvent) => {
    const view = views[side];
    if (view && keyPressed(event, view, graphs, side, selection, select)) event.preventDefault();
  };
  const title = side === "before" ? "Before" : "After";
  return (
    <section class="pane" aria-label={title} aria-busy={busy}>
      <h2>
        {title} <span class="note">{`${count(raw.nodes.length)} nodes`}</span>
      </h2>
      <canvas
        ref={canvas}
        class="graph"
        tabIndex={0}
        role="application"
        aria-label={`The graph ${side}: arrow keys move, slash searches`}
        onKeyDown={pressed}
      />
      <canvas ref={map} class="overmap" aria-hidden="true" />
      {busy && <p class="busy">Laying out{"\u2026"}</p>}
      {!busy && raw.nodes.length === 0 && <p class="busy">No nodes</p>}
    </section>
  );
}

const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const;

/** True if the key means something here. */
function keyPressed(event: KeyboardEvent, view: GraphView, graphs: Graphs, side: Which, selection: Selection, select: (s: Selection) => void): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const own = "side" in selection && selection.side === side;
  const item = own ? itemOf(graphs, selection, side, (s, id) => findGroup(graphs.trees[s].root, id)) : null;
  const arrow = ARROWS[event.key as keyof typeof ARROWS];
  if (arrow) {
    const next = item && !event.shiftKey ? view.neighbour(item, arrow) : null;
    if (next) {
      select(selectionOf(side, { item: next, node: next.node }));
      view.keepInSight(next);
    } else if (!item || event.shiftKey) {
      const dx = arrow === "left" ? STEP : arrow === "right" ? -STEP : 0;
      view.panBy(dx, arrow === "up" ? STEP : arrow === "down" ? -STEP : 0);
    }
    return true;
  }
  switch (event.key) {
    case "Enter":
    case " ":
      if (item?.kind === "group") void view.toggle(item);
      else if (!item) {
        const first = graphs.trees[side].root.children[0];
        if (first) select(selectionOf(side, { item: first, node: first.node }));
      }
      return true;
    case "+":
    case "=":
      view.zoomBy(1.3);
      return true;
    case "-":
      view.zoomBy(1 / 1.3);
      return true;
    case "0":
      view.fit(true, true);
      return true;
    default:
      return false;
  }
}

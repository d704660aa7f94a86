/** Finds nodes by name, operator or output; constants, which lead to their reader; inputs and outputs. */
import type { RefObject } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { nodeTitle } from "./data.ts";
import { bytes, count } from "./format.ts";
import { type Graphs, SIDES, type Selection, type Which } from "./world.ts";

interface Entry {
  text: string;
  title: string;
  name: string;
  note: string;
  selection: Selection;
}

const MOST = 60;

function entries(graphs: Graphs): Entry[] {
  const found: Entry[] = [];
  for (const side of SIDES) {
    const known = graphs.side(side);
    for (const node of known.raw.nodes) {
      // What is in both graphs is listed once, as it is after.
      if (side === "before" && graphs.after.nodes.has(node.id)) continue;
      const outputs = (node.out ?? []).map((id) => known.valueName(id)).join(" ");
      const name = node.name || outputs;
      const fate = graphs.fateOf(side, node.id);
      found.push({
        text: `${nodeTitle(node)} ${node.name ?? ""} ${outputs}`.toLowerCase(),
        title: nodeTitle(node),
        name,
        note: side === "before" ? (fate === "fused" ? "replaced" : "removed") : fate === "new" ? "new" : "",
        selection: { kind: "node", side, id: node.id },
      });
    }
  }
  for (const constant of graphs.after.raw.constants) {
    const reader = graphs.after.readers.get(constant.value)?.[0];
    if (!reader || graphs.after.producer.has(constant.value)) continue;
    const name = graphs.after.valueName(constant.value);
    found.push({
      text: `constant ${name}`.toLowerCase(),
      title: "constant",
      name,
      note: bytes(constant.bytes),
      selection: { kind: "node", side: "after", id: reader.id },
    });
  }
  for (const end of graphs.trees.after.root.children)
    if (end.kind === "input" || end.kind === "output")
      found.push({
        text: `${end.kind} ${end.title}`.toLowerCase(),
        title: end.kind,
        name: end.title,
        note: end.detail,
        selection: { kind: "value", side: "after" as Which, id: end.value },
      });
  return found;
}

/** All words must occur; names that begin with the text, or have it as their last part, come first. */
function search(all: readonly Entry[], text: string): { hits: Entry[]; total: number } {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return { hits: [], total: 0 };
  const hits: [number, Entry][] = [];
  for (const entry of all) {
    if (!words.every((w) => entry.text.includes(w))) continue;
    const name = entry.name.toLowerCase();
    const exact = entry.title.toLowerCase() === words[0] || name === words[0] || name.endsWith(`/${words[0]}`);
    hits.push([exact ? 0 : 1, entry]);
  }
  hits.sort((a, b) => a[0] - b[0]);
  return { hits: hits.slice(0, MOST).map((h) => h[1]), total: hits.length };
}

export function Search({ graphs, select, input }: { graphs: Graphs; select: (s: Selection) => void; input: RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const all = useMemo(() => (open || text ? entries(graphs) : []), [graphs, open || text !== ""]);
  const { hits, total } = useMemo(() => search(all, text), [all, text]);

  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    select(entry.selection);
    setOpen(false);
    input.current?.blur();
  };
  const move = (to: number) => {
    const next = Math.max(0, Math.min(hits.length - 1, to));
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at - 1);
    else if (event.key === "Enter") choose(hits[at]);
    else if (event.key === "Escape") {
      setOpen(false);
      input.current?.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = open && text.trim() !== "";
  return (
    <div class="search">
      <input
        ref={input}
        type="search"
        role="combobox"
        list={undefined}
        placeholder="Search nodes, operators, values"
        aria-label="Search"
        aria-expanded={shown}
        aria-controls="hits"
        aria-activedescendant={shown && hits.length ? `hit${at}` : undefined}
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={pressed}
      />
      <kbd class="hint" aria-hidden="true">
        /
      </kbd>
      {shown && (
        <div class="hits">
          <p class="note">{`${total === 1 ? "1 match" : `${count(total)} matches`}${total > hits.length ? `, the first ${hits.length}` : ""}`}</p>
          <ul id="hits" role="listbox" aria-label="Matches" ref={list}>
            {hits.map((hit, i) => (
              <li
                key={i}
                id={`hit${i}`}
                role="option"
                aria-selected={i === at}
                title={hit.name}
                onPointerDown={(event) => {
                  event.preventDefault();
                  choose(hit);
                }}
              >
                <span class="op">{hit.title}</span>
                <span class="name">{hit.name}</span>
                <span class="note">{hit.note}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

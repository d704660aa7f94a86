"""results/peers.json and the tables made of it: python bench/peers/table.py writes results/peers.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "models"), str(ROOT / "tools")]

import measure  # noqa: E402  (found through the line above)
import zoo  # noqa: E402

RESULTS = ROOT / "results" / "peers.json"
PAGE = RESULTS.with_suffix(".md")
OURS = "onnxslim (ours)"
VARIANTS = {
    "exported": "As exported: dynamic or static, the opset as it is",
    "frozen": "Frozen: batch 1, 128 tokens",
    "lifted": "Frozen, with leave to raise the opset",
}


def load() -> dict:
    """Return what is known: results[model][variant][tool]."""
    return json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {}


def save(results: dict) -> None:
    """Write what is known, models in the zoo's order."""
    ordered = {name: results[name] for name in zoo.names() if name in results}
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps({"machine": measure.machine(), "models": ordered}, indent=1) + "\n")
    part.replace(RESULTS)


def counts(entry: dict, variant: str, opset: int) -> bool:
    """Tell whether a result may be called a number of nodes: right, and the same kind of model."""
    same = variant == "lifted" or entry.get("opset") == opset
    return entry["status"] == "ok" and same and not entry["foreign"]


def best(entries: dict, variant: str, opset: int) -> list[str]:
    """Return the peers with the fewest nodes."""
    fit = {t: e["nodes"] for t, e in entries.items() if t != OURS and counts(e, variant, opset)}
    return [t for t, nodes in fit.items() if nodes == min(fit.values())]


class Page:
    """The page that is written: tables, and the reasons of what went wrong as footnotes."""

    def __init__(self, results: dict) -> None:
        self.results = results
        self.notes: list[str] = []

    def note(self, text: str) -> str:
        """Return the mark of a footnote; equal texts share one."""
        if text not in self.notes:
            self.notes.append(text)
        return f"<sup>{self.notes.index(text) + 1}</sup>"

    def cell(self, entry: dict | None, variant: str, opset: int, bold: bool) -> str:
        """Return one tool's number of nodes, or what became of it."""
        if not entry:
            return ""
        if entry["status"] != "ok":
            shown = entry["nodes"] if entry["status"] == "unchecked" else entry["status"]
            return f"{shown}{self.note(entry['reason'].replace('|', '/'))}"
        text = f"**{entry['nodes']}**" if bold else str(entry["nodes"])
        if entry["foreign"]:
            text += self.note(f"with operators of {', '.join(entry['foreign'])}")
        if variant != "lifted" and entry["opset"] != opset:
            text += self.note(f"opset raised from {opset} to {entry['opset']}")
        if variant == "exported" and not entry["interface"]:
            text += self.note("changes what inputs or outputs are declared as")
        return text

    def nodes(self, variant: str) -> list[str]:
        """Return the table of nodes of a variant."""
        rows = {m: v[variant] for m, v in self.results.items() if v.get(variant)}
        tools = list(dict.fromkeys(t for row in rows.values() for t in row))
        tools.sort(key=lambda t: t == OURS)
        lines = [f"| model | before | {' | '.join(tools)} |", f"|---|{'--:|' * (len(tools) + 1)}"]
        for name, row in rows.items():
            model = zoo.MODELS[name]
            lead = [*best(row, variant, model.opset), OURS]
            cells = [self.cell(row.get(t), variant, model.opset, t in lead) for t in tools]
            lines.append(f"| {name} | {model.facts.nodes} | {' | '.join(cells)} |")
        return lines

    def costs(self, variant: str) -> list[str]:
        """Return the table of seconds and memory of a variant."""
        rows = {m: v[variant] for m, v in self.results.items() if v.get(variant)}
        tools = list(dict.fromkeys(t for row in rows.values() for t in row))
        tools.sort(key=lambda t: t == OURS)
        lines = [f"| model | {' | '.join(tools)} |", f"|---|{'--:|' * len(tools)}"]
        for name, row in rows.items():
            cells = [
                f"{row[t]['seconds']:.1f} s, {row[t]['memory'] / 1e9:.2f} GB" if t in row else ""
                for t in tools
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return lines

    def text(self) -> str:
        """Return the whole page."""
        lines = [
            "# onnxslim and its peers",
            "",
            "Nodes after optimisation, those of subgraphs and `Constant` nodes counted. Written by `make peers` from",
            "`results/peers.json`; versions are pinned in `requirements/peers.txt`. Every output was checked by",
            "`onnx.checker` and run in ONNX Runtime against the original on two seeds. Bold: ours, and the best",
            "peer among those that are right, of standard operators, and (but for the last table) of the same opset.",
        ]
        variants = [v for v in VARIANTS if any(r.get(v) for r in self.results.values())]
        for variant in variants:
            lines += ["", f"## {VARIANTS[variant]}", "", *self.nodes(variant)]
        lines += [
            "",
            "## Time and memory",
            "",
            "The whole process, as exported; memory is its peak.",
            "",
        ]
        lines += self.costs("exported")
        lines += ["", *(f"{i}. {note}" for i, note in enumerate(self.notes, 1))]
        return "\n".join(lines).rstrip() + "\n"


def write(results: dict) -> None:
    """Write the page."""
    PAGE.write_text(Page(results).text())


if __name__ == "__main__":
    write(load())

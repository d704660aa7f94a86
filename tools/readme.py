"""Put measured numbers into README.md, between its marks; nobody types them.

    python tools/readme.py          rewrite the blocks
    python tools/readme.py --check  only tell whether they are up to date

A block stands between `<!-- begin NAME -->` and `<!-- end NAME -->` and is made from
results/*.json by the function of that name below.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "results" / "zoo.json"
HEADLINE = "bert_base"
_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def headline(results: dict) -> str:
    """Return the sentence under the two commands."""
    row = results["models"][HEADLINE]
    nodes, seconds = row["nodes"], row["seconds"]["onnxslim"]
    text = (
        f"BERT-base as PyTorch exports it: **{nodes['before']} → {nodes['after']} nodes** "
        f"in {1000 * seconds:.0f} ms, {seconds / row['seconds']['cp']:.1f} times what `cp` "
        f"of its {row['bytes']['before'] / 1e6:.0f} MB takes, "
        f"with {row['memory']['anonymous'] / 1e6:.0f} MB of memory of its own."
    )
    if "accuracy" in row:
        levels = row["accuracy"]["levels"].values()
        text += (
            " Largest difference of any output in ONNX Runtime, over three seeds and two "
            f"optimisation levels: {max(v['max_diff'] for v in levels):.1e}."
        )
    return text + "\n"


def zoo(results: dict) -> str:
    """Return the table of the zoo."""
    lines = [
        "| model | nodes | after | MB | after | ms | × `cp` | max diff | the original's own |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in results["models"].items():
        nodes, size, seconds = row["nodes"], row["bytes"], row["seconds"]
        accuracy = row.get("accuracy")
        diffs = "- | -"
        if accuracy:
            worst = max(v["max_diff"] for v in accuracy["levels"].values())
            diffs = f"{worst:.1e} | {accuracy['original_between_levels']:.1e}"
        lines.append(
            f"| {name} | {nodes['before']} | {nodes['after']} | {size['before'] / 1e6:.1f} "
            f"| {size['after'] / 1e6:.1f} | {1000 * seconds['onnxslim']:.0f} "
            f"| {seconds['onnxslim'] / seconds['cp']:.1f} | {diffs} |"
        )
    machine = results["machine"]
    lines += [
        "",
        f"Measured on {machine['cores']} cores of {machine['cpu']}: the whole process, warm "
        "cache, median. *max diff*: the largest over all outputs, three seeds and two "
        "optimisation levels of ONNX Runtime. *The original's own*: how far the unoptimised "
        "model differs from itself between those two levels.",
    ]
    return "\n".join(lines) + "\n"


BLOCKS = {"headline": headline, "zoo": zoo}


def fill(text: str, results: dict | None) -> str:
    """Return the text with every block made anew; empty before anything was measured."""
    return _BLOCK.sub(lambda m: m[1] + (BLOCKS[m[2]](results) if results else "") + m[3], text)


def main() -> int:
    """Run the command line."""
    text = README.read_text()
    filled = fill(text, json.loads(RESULTS.read_text()) if RESULTS.exists() else None)
    if sys.argv[1:] == ["--check"]:
        if filled != text:
            print("readme: README.md is behind results/: run make readme", file=sys.stderr)
        return filled != text
    README.write_text(filled)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Put measured numbers into README.md and docs/, between their marks; nobody types them.

    python tools/readme.py          rewrite the blocks
    python tools/readme.py --check  only tell whether they are up to date

A block stands between `<!-- begin NAME -->` and `<!-- end NAME -->` and is made from results/*.json by the
function of that name: those of README.md are below, those of docs/insights.md in experiments/insights.py.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("models", "bench/latency", "experiments")]

import insights  # noqa: E402  (found through the line above)
import page as latency  # noqa: E402
from measured import UNKNOWN, results, settings  # noqa: E402

FILES = ("README.md", "docs/insights.md")
HEADLINE = "bert_base"
_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def max_diff(row: dict) -> float | None:
    """Return the largest difference of a model's outputs over the seeds and levels."""
    levels = row.get("accuracy", {}).get("levels", {})
    return max((level["max_diff"] for level in levels.values()), default=None)


def scientific(value: float | None) -> str | None:
    """Return a small number for people."""
    return None if value is None else f"{value:.1e}"


def headline() -> str:
    """Return the sentence under the two commands."""
    row = results("zoo")["models"][HEADLINE]
    nodes, seconds = row["nodes"], row["seconds"]["onnxslim"]
    text = (
        f"BERT-base as PyTorch exports it: **{nodes['before']} → {nodes['after']} nodes** "
        f"in {1000 * seconds:.0f} ms, {seconds / row['seconds']['cp']:.1f} times what `cp` "
        f"of its {row['bytes']['before'] / 1e6:.0f} MB takes, "
        f"with {row['memory']['anonymous'] / 1e6:.0f} MB of memory of its own."
    )
    if worst := scientific(max_diff(row)):
        text += (
            " Largest difference of any output in ONNX Runtime, over three seeds and two "
            f"optimisation levels: {worst}."
        )
    return text + "\n"


def table(head: list[str], rows: list[list[str | None]]) -> str:
    """Return a table of numbers, the first column the models' names; None was not measured."""
    lines = [["model", *head], ["---", *["--:"] * len(head)]]
    lines += [[UNKNOWN if cell is None else cell for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def zoo_rows() -> list[list[str | None]]:
    """Return what stands in the zoo's table; None where nothing was measured."""
    rows: list[list[str | None]] = []
    for name, row in results("zoo")["models"].items():
        (before, after), size = (row["nodes"][k] for k in ("before", "after")), row["bytes"]
        found = settings(name).get(latency.LEAD)
        rows.append(
            [
                name,
                str(before),
                str(after),
                f"{100 * (1 - after / before):.1f} %",
                f"{(size['after'] - size['before']) / 1e3:+.1f} kB",
                latency.change(found) if found else None,
                scientific(max_diff(row)),
            ]
        )
    return rows


def zoo() -> str:
    """Return the table of the zoo."""
    head = ["nodes", "after", "reduction", "size Δ", "latency Δ", "max diff"]
    cut = latency.cut_note(results("latency")["models"]) if results("latency") else ""
    return (
        f"{table(head, zoo_rows())}\n"
        "*Latency Δ*: ONNX Runtime on the CPU at its default level, one thread, against the original, with the 95 % "
        "interval; *noise* where the interval reaches what the original differs from itself by "
        f"([all settings](results/latency.md)). {cut} *Max diff*: the largest over all outputs, three seeds and two "
        "optimisation levels of ONNX Runtime.\n"
    )


def cost() -> str:
    """Return the table of what optimising takes."""
    found = results("zoo")
    rows: list[list[str | None]] = []
    for name, row in found["models"].items():
        seconds = row["seconds"]
        rows.append(
            [
                name,
                f"{row['bytes']['before'] / 1e6:.1f}",
                f"{1000 * seconds['onnxslim']:.0f}",
                f"{seconds['onnxslim'] / seconds['cp']:.1f}",
                f"{row['memory']['anonymous'] / 1e6:.0f}",
                scientific(max_diff(row)),
                scientific(row.get("accuracy", {}).get("original_between_levels")),
            ]
        )
    head = ["MB", "ms", "× `cp`", "memory, MB", "max diff", "the original's own"]
    machine = found["machine"]
    return (
        f"{table(head, rows)}\n"
        f"Measured on {machine['cores']} cores of {machine['cpu']}: the whole process, warm cache, median; memory is "
        "its own, without the mapped files. *The original's own*: how far the unoptimised model differs from itself "
        "between ONNX Runtime's optimizer off and on.\n"
    )


BLOCKS = {"headline": headline, "zoo": zoo, "cost": cost, **insights.BLOCKS}


def fill(text: str) -> str:
    """Return the text with every block made anew."""
    return _BLOCK.sub(lambda m: m[1] + BLOCKS[m[2]]() + m[3], text)


def behind() -> list[str]:
    """Return the files whose blocks are not what results/ says."""
    return [name for name in FILES if (text := (ROOT / name).read_text()) != fill(text)]


def main() -> int:
    """Run the command line."""
    stale = behind()
    if sys.argv[1:] == ["--check"]:
        if stale:
            print(f"readme: behind results/: {', '.join(stale)}; run make readme", file=sys.stderr)
        return bool(stale)
    for name in stale:
        path = ROOT / name
        path.write_text(fill(path.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

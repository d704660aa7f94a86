"""Every pass alone on every model, and all of them: what each one takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import lab
import zoo

TITLE = "Experiment 01: what each pass does alone"


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in zoo.names(extras=False)}


def measure(bench: lab.Lab, name: str) -> dict:
    """Return the change of nodes and bytes by each pass alone, in pipeline order; "all" is the last.

    A pass that runs on request only has the flags that ask for it in its name, and a row for each of them.
    """
    said = bench.say("attribution", bench.model(name))
    rows = {
        " ".join(filter(None, (row["pass"], row["flags"]))): {k: row[k] for k in ("nodes", "bytes")}
        for row in said["rows"]
    }
    return {"nodes": said["nodes"], "bytes": said["bytes"], "passes": rows}


def matrix(kept: dict, what: str, show) -> str:
    """Return one matrix, passes down, models across."""
    passes = list(next(iter(kept.values()))["passes"])
    rows = [[p, *(show(kept[m]["passes"][p][what]) for m in kept)] for p in passes]
    return lab.table(["pass", *kept], rows)


def page(kept: dict) -> str:
    """Return both matrices."""
    return (
        "Each pass runs by itself on the model as exported; *all* is the default pipeline. Passes that\n"
        "run on request only are asked for with the flags beside them.\n\n"
        f"## Δ nodes\n\n{matrix(kept, 'nodes', lab.signed)}\n## Δ bytes\n\n{matrix(kept, 'bytes', lab.size)}"
    )


def plot(kept: dict, path: Path) -> None:
    """Draw the share of its nodes that each pass takes from each model."""
    from matplotlib import colors

    passes = list(next(iter(kept.values()))["passes"])
    share = [
        [-100 * kept[m]["passes"][p]["nodes"] / kept[m]["nodes"] for m in kept] for p in passes
    ]
    figure, axes = lab.axes(3 + 0.42 * len(kept), 1.5 + 0.27 * len(passes))
    norm = colors.TwoSlopeNorm(0, vmin=-100, vmax=100)
    image = axes.imshow(share, cmap="BrBG", norm=norm, aspect="auto")
    axes.set_xticks(range(len(kept)), kept, rotation=60, ha="right")
    axes.set_yticks(range(len(passes)), passes)
    for y, row in enumerate(share):
        for x, value in enumerate(row):
            if value:
                dark = abs(value) > 60
                text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.1f}"
                axes.text(
                    x, y, text, ha="center", va="center", fontsize=6, color="w" if dark else "k"
                )
    figure.colorbar(image, label="nodes taken, % of the model's")
    lab.save(figure, path)

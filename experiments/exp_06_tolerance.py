"""Twenty seeds a model: how far our outputs lie from the original's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

import accuracy
import lab
import zoo

TITLE = "Experiment 06: accuracy over twenty seeds"
SEEDS = range(20)


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in zoo.names(extras=False)}


def spread(rows: list[dict], key: str) -> dict:
    """Return min, mean, 99th percentile and max over the seeds."""
    values = np.array([row[key] for row in rows])
    found = {
        "min": values.min(),
        "mean": values.mean(),
        "p99": np.percentile(values, 99),
        "max": values.max(),
    }
    return {name: float(value) for name, value in found.items()}


def measure(bench: lab.Lab, name: str) -> dict:
    """Return the spread of the differences, absolute and relative, at both levels."""
    out, _ = bench.optimise(bench.model(name), "tolerance")
    found = accuracy.differences(bench.model(name), out, SEEDS)
    bench.folder("tolerance")
    rows = {**found["levels"], "original": found["original"]}
    return {
        where: {key: spread(d, key) for key in ("absolute", "relative", "share")}
        for where, d in rows.items()
    }


def page(kept: dict) -> str:
    """Return the table and, per model, the answer to the plan's hypothesis."""
    head = [
        "model",
        "level",
        "min",
        "mean",
        "p99",
        "max",
        "max, of the largest output",
        "of what is allowed",
    ]
    names = {"off": "optimizer off", "default": "default", "original": "the original between both"}
    rows = []
    for model, found in kept.items():
        for where, text in names.items():
            a = found[where]["absolute"]
            rows.append(
                [model, text, *(f"{a[k]:.1e}" for k in ("min", "mean", "p99", "max"))]
                + [f"{found[where]['relative']['max']:.1e}", f"{found[where]['share']['max']:.2f}"]
            )
    zero = [m for m, f in kept.items() if f["off"]["absolute"]["max"] == 0]
    bugs = [m for m, f in kept.items() if max(f[w]["share"]["max"] for w in ("off", "default")) > 1]
    return (
        f"Seeds 0 to {SEEDS[-1]}. Allowed is 1e-5 of the largest output (at least of 1), for float16 four units in\n"
        "its last place.\n\n"
        f"{lab.table(head, rows, left=2)}\n"
        f"Above what is allowed: {', '.join(bugs) or 'none'}.\n\n"
        "The plan's hypothesis, that fusions in vision models are lossless: with ONNX Runtime's optimizer off all\n"
        f"differences are zero on {', '.join(zero) or 'no model'}; on the others a rewrite that rounds is at work\n"
        "(folding BatchNormalization into weights is one).\n"
    )


def plot(kept: dict, path: Path) -> None:
    """Draw the ranges of the relative differences."""
    figure, axes = lab.axes(8, 1 + 0.35 * len(kept))
    colours = {"off": "#d62728", "default": "#1f77b4", "original": "#999999"}
    least = 1e-9
    for y, found in enumerate(kept.values()):
        for k, (where, colour) in enumerate(colours.items()):
            r = found[where]["relative"]
            label = {"original": "the original between both levels"}.get(where, f"ours, {where}")
            axes.plot(
                [max(r["min"], least), max(r["max"], least)],
                [y + 0.22 * (k - 1)] * 2,
                "-o",
                ms=3,
                color=colour,
                label=label if y == 0 else None,
            )
    axes.set_xscale("log")
    axes.set_yticks(range(len(kept)), list(kept))
    axes.invert_yaxis()
    axes.set_xlabel(f"largest difference over the largest output (at {least:.0e}: none)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    lab.save(figure, path)

"""Whether passes that take nodes also take bytes: experiment 01 once more."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import lab

TITLE = "Experiment 07: nodes against bytes"
FROM = "exp_01_attribution"
PIPELINE = "all"


def by_pass(kept: dict) -> dict[str, list[tuple[int, int]]]:
    """Return (nodes, bytes) taken, for each pass, on the models on which it does anything."""
    found: dict[str, list[tuple[int, int]]] = {}
    for model in kept.values():
        for name, row in model["passes"].items():
            if row["nodes"] or row["bytes"]:
                found.setdefault(name, []).append((row["nodes"], row["bytes"]))
    return found


def correlation(points: list[tuple[int, int]]) -> float | None:
    """Return Pearson's r; None if it is not defined."""
    nodes, size = np.array(points).T
    if len(points) < 3 or not nodes.std() or not size.std():
        return None
    return float(np.corrcoef(nodes, size)[0, 1])


def kind(points: list[tuple[int, int]]) -> str:
    """Say in words what a pass does to both."""
    nodes, size = (sum(values) for values in zip(*points, strict=True))
    verb = ["takes", "keeps", "adds"]
    return f"{verb[np.sign(nodes) + 1]} nodes, {verb[np.sign(size) + 1]} bytes"


def page(kept: dict) -> str:
    """Return the table of passes, the matrix, and the answer to the plan's hypothesis."""
    found = by_pass(kept)
    rows = []
    for name, points in found.items():
        r = correlation(points)
        nodes, size = (sum(values) for values in zip(*points, strict=True))
        rows.append(
            [
                name,
                kind(points),
                len(points),
                lab.signed(nodes),
                lab.size(size),
                "–" if r is None else f"{r:+.2f}",
            ]
        )
    groups = {
        group: [p for name, points in found.items() if name.startswith(group) for p in points]
        for group in ("eliminate_", "fuse_", "fold_", "simplify_", "cleanup_")
    }
    lines = [
        [f"{group}*", len(points), "–" if (r := correlation(points)) is None else f"{r:+.2f}"]
        for group, points in groups.items()
        if points
    ]
    growing = [n for n, points in found.items() if sum(s for _, s in points) > 0 and n != PIPELINE]
    return (
        f"{lab.table(['pass', 'it', 'models', 'Δ nodes', 'Δ bytes', 'r'], rows, left=2)}\n"
        "*r*: Pearson's correlation of Δ nodes and Δ bytes over the models on which the pass does anything.\n\n"
        f"{lab.table(['passes', 'cases', 'r'], lines)}\n"
        f"{matrix(kept)}\n"
        "The plan's hypothesis was that eliminations take nodes and bytes alike and fusions take nodes but may add\n"
        f"bytes. Passes that add bytes over the zoo: {', '.join(growing) or 'none'}. A node is some hundred bytes\n"
        "and a weight some megabytes: what a pass does to the size depends on weights, whatever it does to nodes.\n"
    )


def matrix(kept: dict) -> str:
    """Return the correlations between passes: whether models that gain from one gain from another."""
    names = [n for n in by_pass(kept) if n != PIPELINE]
    share = np.array([[m["passes"][n]["nodes"] / m["nodes"] for m in kept.values()] for n in names])
    moving = [i for i in range(len(names)) if share[i].std() > 0]
    r = np.corrcoef(share[moving])
    head = ["share of nodes", *(str(k + 1) for k in range(len(moving)))]
    rows = [[f"{k + 1} {names[i]}", *(f"{v:+.2f}" for v in r[k])] for k, i in enumerate(moving)]
    return lab.table(head, rows)


def plot(kept: dict, path: Path) -> None:
    """Scatter nodes taken against bytes taken, a colour a pass."""
    figure, axes = lab.axes(8, 5)
    for name, points in by_pass(kept).items():
        if name == PIPELINE:
            continue
        nodes, size = np.array(points, dtype=float).T
        axes.plot(-nodes, -size, "o", ms=4, alpha=0.8, label=name)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_yscale("symlog", linthresh=100)
    axes.axhline(0, color="black", lw=0.5)
    axes.axvline(0, color="black", lw=0.5)
    axes.set_xlabel("nodes taken")
    axes.set_ylabel("bytes taken")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=7)
    lab.save(figure, path)

"""Whether the order of the passes matters."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import accuracy
import lab

TITLE = "Experiment 05: does the order of the passes matter?"
MODELS = ("bert_base", "whisper_tiny_encoder")
PASSES = ("fold_constants", "simplify_shape_chains", "fuse_matmul_add", "cleanup_attention")
ROUNDS = 8
"""More than any order needs; a fixed point is a round in which nothing is rewritten."""


def units(bench: lab.Lab) -> dict:
    """One unit an order and a model."""
    return {
        f"{model}: {' > '.join(order)}": ((model,), partial(measure, bench, model, order))
        for model in MODELS
        for order in itertools.permutations(PASSES)
    }


def sequence(bench: lab.Lab, source: Path, order: tuple[str, ...], round_: int) -> tuple[Path, int]:
    """Run each pass once, one after the other; return the last file and the number of rewrites."""
    rewrites = 0
    for i, name in enumerate(order):
        source, said = bench.optimise(source, f"order/{round_}.{i}", "--only", name)
        rewrites += said["rewrites"]
    return source, rewrites


def measure(bench: lab.Lab, model: str, order: tuple[str, ...]) -> dict:
    """Return the nodes after one sequence, at the fixed point, and with one worklist in that order."""
    bench.folder("order")
    original = bench.model(model)
    once, _ = sequence(bench, original, order, 0)
    settled, rounds = once, 1
    for round_ in range(1, ROUNDS):
        settled, rewrites = sequence(bench, settled, order, round_)
        if not rewrites:
            break
        rounds += 1
    flags = ("--passes", ",".join(PASSES), "--order", ",".join(order))
    _, said = bench.optimise(original, "order/together", *flags)
    diffs = accuracy.differences(original, settled, range(1))
    return {
        "model": model,
        "order": order,
        "once": bench.say("inspect", once)["nodes"],
        "fixed": bench.say("inspect", settled)["nodes"],
        "rounds": rounds,
        "worklist": said["nodes"]["after"],
        "max_diff": max(d["absolute"] for rows in diffs["levels"].values() for d in rows),
    }


def needs(rows: list[dict]) -> list[tuple[str, str]]:
    """Return the pairs (a, b) where every best single sequence has a before b and some worse one has not."""
    best = min(r["once"] for r in rows)
    good = [r["order"] for r in rows if r["once"] == best]
    pairs = itertools.permutations(PASSES, 2)
    return [(a, b) for a, b in pairs if all(o.index(a) < o.index(b) for o in good)]


def page(kept: dict) -> str:
    """Return the table of each model, the dependencies, and the answer to the hypothesis."""
    text = ""
    for model in MODELS:
        rows = [r for r in kept.values() if r["model"] == model]
        lines = [
            [
                " → ".join(r["order"]),
                r["once"],
                r["fixed"],
                r["rounds"],
                r["worklist"],
                f"{r['max_diff']:.1e}",
            ]
            for r in sorted(rows, key=lambda r: (r["once"], r["order"]))
        ]
        head = ("order", "each pass once", "fixed point", "rounds", "one worklist", "max diff")
        text += f"## {model}\n\n{lab.table(head, lines)}\n"
        pairs = needs(rows)
        text += "Each pass once: the fewest nodes need " + (
            ", ".join(f"{a} before {b}" for a, b in pairs) or "no particular order"
        )
        fixed, worklist = (sorted({r[k] for r in rows}) for k in ("fixed", "worklist"))
        text += f". Fixed points: {fixed}; one worklist: {worklist}.\n\n"
    return text + verdict(kept)


def verdict(kept: dict) -> str:
    """Return the answer to the plan's hypothesis, in one sentence."""
    claim = ("fold_constants", "simplify_shape_chains")
    needed = [m for m in MODELS if claim in needs([r for r in kept.values() if r["model"] == m])]
    differ = any(len({r["worklist"] for r in kept.values() if r["model"] == m}) > 1 for m in MODELS)
    return (
        "The plan's hypothesis, that fold_constants must precede simplify_shape_chains, is "
        f"{'confirmed on ' + ', '.join(needed) if needed else 'refuted'} where each pass runs once, and the order "
        f"{'still matters' if differ else 'does not matter at all'} where all rules share one worklist.\n"
    )


def plot(kept: dict, path: Path) -> None:
    """Draw the graph of dependencies: an arrow from what has to come first."""
    import math

    figure, axes = lab.axes(8, 3.6)
    axes.set_axis_off()
    axes.set_xlim(-1.6, 5.2)
    axes.set_ylim(-1.5, 1.5)
    for i, model in enumerate(MODELS):
        middle = 3.6 * i
        at = {
            name: (
                middle + 1.05 * math.cos(math.pi / 4 + k * math.pi / 2),
                math.sin(math.pi / 4 + k * math.pi / 2),
            )
            for k, name in enumerate(PASSES)
        }
        for name, (x, y) in at.items():
            axes.text(
                x,
                y,
                name,
                ha="center",
                va="center",
                bbox={"boxstyle": "round", "fc": "#eef", "ec": "#667"},
            )
        for a, b in needs([r for r in kept.values() if r["model"] == model]):
            arrow = {"arrowstyle": "->", "shrinkA": 18, "shrinkB": 18, "color": "#a33"}
            axes.annotate("", xy=at[b], xytext=at[a], arrowprops=arrow)
        axes.text(middle, 1.4, model, ha="center", weight="bold")
    lab.save(figure, path)

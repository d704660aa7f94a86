"""What --exact leaves of each model, and how much of its outputs is the same to the bit in ONNX Runtime.

Every rewrite is bit-exact by the operators' specification, each rule tested on its own.  A runtime may still compute a
folded constant in another kernel than it did the nodes, so whole models need not agree in every bit.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx

import accuracy
import lab
import numeric
import slimzoo
import zoo

TITLE = "Experiment 12: exact rewrites only"
SEEDS = range(3)


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in zoo.names(extras=False)}


def same_bits(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many elements are equal in every bit."""
    raw = f"V{a.dtype.itemsize}"
    return int(
        np.count_nonzero(np.ascontiguousarray(a).view(raw) == np.ascontiguousarray(b).view(raw))
    )


def agreement(wanted: list[list], got: list[list]) -> dict:
    """Return the share of elements that are equal in every bit, and the largest share of the tolerance."""
    pairs = [p for xs, ys in zip(wanted, got, strict=True) for p in zip(xs, ys, strict=True)]
    elements = sum(x.size for x, _ in pairs)
    return {
        "bit_equal": sum(same_bits(x, y) for x, y in pairs) / (elements or 1),
        "of_tolerance": max(row["share"] for row in accuracy.compare(wanted, got)),
    }


def measure(bench: lab.Lab, name: str) -> dict:
    """Return node counts and the agreement at both levels."""
    source = bench.model(name)
    out, report = bench.optimise(source, "exact", "--exact")
    graph = onnx.load(source, load_external_data=False).graph
    fed = [slimzoo.feeds(graph, seed) for seed in SEEDS]
    lean = zoo.MODELS[name].facts.size > numeric.LEAN
    found = {
        level: agreement(*(numeric.run_apart(m, level, fed, lean) for m in (source, out)))
        for level in numeric.LEVELS
    }
    bench.folder("exact")
    return {"nodes": report["nodes"], "levels": found}


def page(kept: dict) -> str:
    """Return the table."""
    head = [
        "model",
        "nodes",
        "after --exact",
        "bit-equal, optimizer off",
        "default",
        "of what is allowed",
    ]
    rows = [
        [
            model,
            found["nodes"]["before"],
            found["nodes"]["after"],
            *(f"{100 * found['levels'][level]['bit_equal']:.2f} %" for level in ("off", "default")),
            f"{max(f['of_tolerance'] for f in found['levels'].values()):.2f}",
        ]
        for model, found in kept.items()
    ]
    return (
        f"Seeds 0 to {SEEDS[-1]}; the share of output elements that are equal in every bit. Allowed is 1e-5 of the\n"
        "largest output (at least of 1), for float16 four units in its last place.\n\n"
        f"{lab.table(head, rows)}\n"
    )

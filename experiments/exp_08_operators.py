"""Which operators the models consist of, before any optimisation."""

from __future__ import annotations

from functools import partial

import lab
import zoo

TITLE = "Experiment 08: operators of the zoo"
LEAD = (
    "Conv", "BatchNormalization", "Relu", "Clip", "Sigmoid", "MatMul", "Gemm", "Add", "Mul", "Transpose", "Reshape",
    "Softmax", "LayerNormalization", "Constant", "Shape", "Gather", "Unsqueeze", "Concat",
)  # fmt: skip


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in zoo.names(extras=False)}


def measure(bench: lab.Lab, name: str) -> dict:
    """Return the inspector's counts."""
    said = bench.say("inspect", bench.model(name))
    return {"nodes": said["nodes"], "ops": {o["op_type"]: o["count"] for o in said["ops"]}}


def page(kept: dict) -> str:
    """Return the plan's table, and the rest below it."""
    rows = [[m, f["nodes"], *(f["ops"].get(op, 0) for op in LEAD)] for m, f in kept.items()]
    ops = sorted({op for f in kept.values() for op in f["ops"]} - set(LEAD))
    rest = [[op, *(f["ops"].get(op, 0) or "" for f in kept.values())] for op in ops]
    others = lab.table(["operator", *kept], rest)
    return f"{lab.table(['model', 'nodes', *LEAD], rows)}\nThe other operators:\n\n{others}"

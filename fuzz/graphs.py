"""Random valid models: motifs in the neighbourhood of our rules, glued together; some of them inside bodies."""

from __future__ import annotations

import random

import numpy as np
import onnx
from onnx import helper

import motifs_parts  # noqa: F401  (registers more)
from motifs import MOTIFS
from values import DTYPES, Draft, Value

OPSETS = (9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22)
LARGEST = 20_000
"""Elements of a value; motifs that made more are not continued."""


def add_motifs(draft: Draft, count: int) -> None:
    """Add motifs, and a body now and then."""
    for _ in range(count):
        if draft.prefix == "v" and draft.chance(0.08):
            draft.rng.choice((add_if, add_loop))(draft)
        else:
            draft.rng.choice(MOTIFS)(draft)
        draft.pool = [
            v for v in draft.pool if np.prod(v.shape, dtype=np.int64) <= LARGEST and v.rank <= 6
        ]


def body(draft: Draft, name: str, inputs: list, shape_of: Value, first: list) -> onnx.GraphProto:
    """Return a body that computes on captured values and gives something of the shape of one of them."""
    inner = Draft(draft.rng, draft.opset, prefix=f"{name}_")
    inner.pool = [v for v in draft.pool if v.kind == "f"] or [shape_of]
    inner.inputs = draft.inputs
    before = len(draft.inputs)
    add_motifs(inner, draft.rng.randint(1, 2))
    assert len(draft.inputs) >= before
    made = [v for v in inner.pool if v.shape == shape_of.shape and v.kind == "f"]
    last = inner.node("Identity", [made[-1].name], shape_of.shape)
    out = helper.make_tensor_value_info(last.name, DTYPES["f"][0], list(shape_of.shape))
    return helper.make_graph(inner.nodes, name, inputs, [*first, out], inner.inits)


def add_if(draft: Draft) -> None:
    """Add an If with a constant or a computed condition, whose branches capture values."""
    v = draft.some()
    if draft.chance():
        condition = draft.const(np.array(draft.chance()))
    else:
        total = draft.node("ReduceMax", [v.name], (), keepdims=0) if v.rank else v
        condition = draft.node(
            "Greater", [total.name, draft.const(np.array(0.5, np.float32))], (), "b"
        ).name
    at = len(draft.nodes)
    branches = [body(draft, f"{kind}{at}", [], v, []) for kind in ("t", "e")]
    draft.node("If", [condition], v.shape, then_branch=branches[0], else_branch=branches[1])


def add_loop(draft: Draft) -> None:
    """Add a Loop that runs never, once or twice over one carried value."""
    v = draft.some()
    at = len(draft.nodes)
    trips = draft.const(np.array(draft.rng.randint(0, 2), np.int64))
    names = [f"l{at}_i", f"l{at}_c", f"l{at}_v"]
    inputs = [
        helper.make_tensor_value_info(names[0], onnx.TensorProto.INT64, []),
        helper.make_tensor_value_info(names[1], onnx.TensorProto.BOOL, []),
        helper.make_tensor_value_info(names[2], DTYPES["f"][0], list(v.shape)),
    ]
    inner = Draft(draft.rng, draft.opset, prefix=f"l{at}_")
    carried = Value(names[2], "f", v.shape)
    inner.pool = [*(w for w in draft.pool if w.kind == "f"), carried]
    inner.inputs = draft.inputs
    add_motifs(inner, 1)
    same = [w for w in inner.pool if w.shape == v.shape and w.kind == "f"]
    last = inner.node("Add", [same[-1].name, carried.name], v.shape)
    go = inner.node("Identity", [names[1]], (), "b")
    outs = [
        helper.make_tensor_value_info(go.name, onnx.TensorProto.BOOL, []),
        helper.make_tensor_value_info(last.name, DTYPES["f"][0], list(v.shape)),
    ]
    graph = helper.make_graph(inner.nodes, f"loop{at}", inputs, outs, inner.inits)
    draft.node("Loop", [trips, "", v.name], v.shape, body=graph)


def make(seed: int) -> onnx.ModelProto:
    """Return the model of a seed."""
    draft = Draft(random.Random(seed), random.Random(seed).choice(OPSETS))
    draft.input("f", draft.shape())
    add_motifs(draft, draft.rng.randint(2, 7))
    computed = {name for node in draft.nodes for name in node.output}
    read = {name for node in draft.nodes for name in node.input}
    ends = [v for v in draft.pool if v.name in computed and v.name not in read]
    seen = [v for v in draft.pool if v.name in computed and v.name in read and draft.chance(0.12)]
    outputs = list({v.name: v for v in [*ends[-3:], *seen]}.values())
    return draft.model(
        outputs
        or [draft.node("Identity", [draft.pool[0].name], draft.pool[0].shape, draft.pool[0].kind)]
    )


def feeds(model: onnx.ModelProto, seed: int) -> dict[str, np.ndarray]:
    """Return inputs for a model: small numbers; named dims are called after their size."""
    rng, made = np.random.default_rng(seed), {}
    defaults = {t.name for t in model.graph.initializer}
    for info in model.graph.input:
        kind = info.type.tensor_type
        if info.name in defaults and (
            kind.elem_type != onnx.TensorProto.FLOAT or rng.random() < 0.5
        ):
            continue
        shape = [
            d.dim_value if d.HasField("dim_value") else int(d.dim_param.lstrip("N"))
            for d in kind.shape.dim
        ]
        values = rng.integers(-3, 4, shape)
        made[info.name] = values.astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return made

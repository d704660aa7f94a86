"""Motifs one after the other, and constructs that hold some: branches, loops, scans, local functions."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from motifs import MOTIFS
from values import DTYPES, LOCAL, Draft, Value

LARGEST = 20_000
"""Elements of a value; motifs that made more are not continued."""
DEEPEST = 2
"""Bodies within each other."""


def add_motifs(draft: Draft, count: int) -> None:
    """Add motifs, and now and then something that holds motifs."""
    for _ in range(count):
        if draft.depth < DEEPEST and draft.chance(0.1):
            draft.rng.choice((add_if, add_if, add_loop, add_loop, add_scan, add_calls))(draft)
        else:
            draft.rng.choice(MOTIFS)(draft)
        draft.pool = [
            v for v in draft.pool if np.prod(v.shape, dtype=np.int64) <= LARGEST and v.rank <= 6
        ]


def inside(draft: Draft, name: str, own: list[Value], captures: bool = True) -> Draft:
    """Return a draft for a body with values of its own, which captures those around it."""
    pool = [*(v for v in draft.pool if v.kind == "f"), *own] if captures else own
    return Draft(
        draft.rng,
        draft.opset,
        prefix=f"{draft.prefix}{name}_",
        inputs=draft.inputs if captures else [],
        pool=list(pool),
        depth=draft.depth + 1,
        closed=draft.closed or not captures,
        outer=draft.outer or draft,
    )


def declared(v: Value) -> onnx.ValueInfoProto:
    """Return the declaration of a body's value."""
    return helper.make_tensor_value_info(v.name, DTYPES[v.kind][0], list(v.shape))


def result(inner: Draft, like: Value) -> Value:
    """Return what a body computed last of a shape, or like itself passed through."""
    same = [v for v in inner.pool if v.shape == like.shape and v.kind == like.kind]
    last = same[-1] if same else like
    return inner.node("Identity", [last.name], like.shape, like.kind)


def graph(inner: Draft, name: str, inputs: list[Value], outputs: list[Value]) -> onnx.GraphProto:
    """Return a body."""
    ends = [[declared(v) for v in values] for values in (inputs, outputs)]
    return helper.make_graph(inner.nodes, name, *ends, inner.inits)


def add_if(draft: Draft) -> None:
    """Add an If with a constant or a computed condition, whose branches capture values."""
    v = draft.some()
    w = draft.some() if draft.chance(0.3) else None
    if draft.chance():
        condition = draft.const(np.array(draft.chance()))
    else:
        total = draft.node("ReduceMax", [v.name], (), keepdims=0) if v.rank else v
        condition = draft.node(
            "Greater", [total.name, draft.const(np.array(0.5, np.float32))], (), "b"
        ).name
    at, branches = len(draft.nodes), []
    for kind in ("t", "e"):
        inner = inside(draft, f"{kind}{at}", [])
        add_motifs(inner, inner.rng.randint(0, 2))
        outputs = [result(inner, x) for x in (v, w) if x]
        branches.append(graph(inner, f"{kind}{at}", [], outputs))
    bodies = {"then_branch": branches[0], "else_branch": branches[1]}
    draft.node("If", [condition], v.shape, outputs=2 if w else 1, **bodies)
    if w and draft.chance():
        draft.keep(draft.nodes[-1].output[1], "f", w.shape)


def add_loop(draft: Draft) -> None:
    """Add a Loop that runs up to three times over one or two carried values, and may collect others."""
    v, at = draft.some(), len(draft.nodes)
    collects = draft.chance(0.3)
    trips = draft.rng.randint(1 if collects else 0, 3)
    own = [Value(f"{draft.prefix}l{at}_{x}", k, ()) for x, k in (("i", "i"), ("c", "b"))]
    carried = [Value(f"{draft.prefix}l{at}_v", "f", v.shape)]
    start = [v]
    if draft.chance(0.4):  # never changes
        start.append(draft.some())
        carried.append(Value(f"{draft.prefix}l{at}_w", "f", start[1].shape))
    inner = inside(draft, f"l{at}", carried)
    add_motifs(inner, 1)
    same = [w for w in inner.pool if w.shape == v.shape and w.kind == "f"]
    last = inner.node("Add", [same[-1].name, carried[0].name], v.shape)
    outputs = [inner.node("Identity", [own[1].name], (), "b"), last]
    outputs += [inner.node("Identity", [w.name], w.shape) for w in carried[1:]]
    if collects:
        outputs.append(inner.node("Neg", [last.name], v.shape))
    body = graph(inner, f"loop{at}", [*own, *carried], outputs)
    go = draft.pick("", draft.const(np.array(True)))
    count = draft.const(np.array(trips, np.int64))
    draft.node(
        "Loop", [count, go, *(s.name for s in start)], v.shape, outputs=len(outputs) - 1, body=body
    )
    if collects:
        draft.keep(draft.nodes[-1].output[-1], "f", (trips, *v.shape))


def add_scan(draft: Draft) -> None:
    """Add a Scan along the first axis, with a state."""
    v, at = draft.some(least=2, most=4), len(draft.nodes)
    if 0 in v.shape:
        return
    state, row = (Value(f"{draft.prefix}s{at}_{x}", "f", v.shape[1:]) for x in "sr")
    inner = inside(draft, f"s{at}", [state, row])
    add_motifs(inner, 1)
    last = inner.node("Add", [result(inner, row).name, state.name], row.shape)
    out = inner.node("Relu", [last.name], row.shape)
    body = graph(inner, f"scan{at}", [state, row], [last, out])
    first = draft.const(draft.array("f", row.shape))
    draft.node(
        "Scan",
        [first, v.name],
        row.shape,
        outputs=2,
        body=body,
        num_scan_inputs=1,
        scan_input_directions=[draft.rng.randint(0, 1)],
    )
    draft.keep(draft.nodes[-1].output[1], "f", v.shape)


def add_calls(draft: Draft) -> None:
    """Add a local function, with an attribute perhaps, and one or two calls of it."""
    main = draft.outer or draft
    v, name = draft.some(least=1), f"F{len(main.functions)}"
    own = Value(f"{name}_x", "f", v.shape)
    main.functions.append(None)  # its place: it may hold functions itself
    inner = inside(draft, name, [own], captures=False)
    add_motifs(inner, inner.rng.randint(1, 2))
    last = result(inner, own)
    attributes = []
    if inner.chance(0.3):
        attributes = ["slope"]
        last = inner.node("LeakyRelu", [last.name], v.shape)
        reference = inner.nodes[-1].attribute.add(name="alpha", ref_attr_name="slope")
        reference.type = onnx.AttributeProto.FLOAT
    constants = [helper.make_node("Constant", [], [t.name], value=t) for t in inner.inits]
    main.functions[int(name[1:])] = helper.make_function(
        LOCAL,
        name,
        [own.name],
        [last.name],
        [*constants, *inner.nodes],
        [helper.make_opsetid("", draft.opset), helper.make_opsetid(LOCAL, 1)],
        attributes,
    )
    for _ in range(draft.rng.randint(1, 2)):
        slopes = {a: draft.pick(0.5, 0.25, 1.0) for a in attributes}
        v = draft.node(name, [v.name], v.shape, domain=LOCAL, **slopes)

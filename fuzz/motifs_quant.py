"""Quantised models: QDQ around operators, quantised weights, integer operators, dynamic quantisation."""

from __future__ import annotations

import numpy as np

from motifs import motif
from values import DTYPES, Draft, Value

STEPS = (0.25, 0.5, 1.0)
"""Powers of two, so that no rounding before a quantisation can be decided by the order of a sum."""


def parameters(d: Draft, kind: str, channels: int = 0) -> list[str]:
    """Add a scale and a zero point; for each channel if there are some."""
    shape = (channels,) if channels else ()
    scales = np.array([d.pick(*STEPS) for _ in range(channels or 1)], np.float32).reshape(shape)
    point = 0 if kind == "c" else 128
    points = np.full(shape, d.pick(point, point, point + 1), DTYPES[kind][1])
    return [d.const(scales), d.const(points)]


def quantised(d: Draft, v: Value, kind: str, by: list[str]) -> Value:
    """Add a QuantizeLinear."""
    return d.node("QuantizeLinear", [v.name, *by], v.shape, kind)


def restored(d: Draft, q: Value, by: list[str], **axis: int) -> Value:
    """Add a DequantizeLinear."""
    return d.node("DequantizeLinear", [q.name, *by], q.shape, **axis)


def pair(d: Draft, v: Value) -> Value:
    """Quantise and restore."""
    kind = d.pick("c", "u")
    by = parameters(d, kind)
    q = quantised(d, v, kind, by)
    if d.chance(0.3):
        q = moved(d, q)
    return restored(d, q, by)


def moved(d: Draft, v: Value) -> Value:
    """Move the elements, which needs no arithmetic."""
    how = d.rng.randrange(3)
    if how == 0 and v.rank >= 2:
        return d.transpose(v, d.perm(v.rank))
    if how == 1 and v.rank:
        return d.reshape(v, (int(np.prod(v.shape)),), [-1])
    return d.unsqueeze(v, [0]) if v.rank < 5 else v


def weight(d: Draft, shape: tuple[int, ...], axis: int) -> str:
    """Add a weight: int8 with a DequantizeLinear, or float through both."""
    by = parameters(d, "c", shape[axis] if d.opset >= 13 and d.chance() else 0)
    at = {"axis": axis} if d.opset >= 13 else {}
    if d.chance(0.7):
        numbers = d.array("c", shape)
        return restored(d, Value(d.const(numbers), "c", shape), by, **at).name
    w = Value(d.const(d.array("f", shape)), "f", shape)
    q = d.node("QuantizeLinear", [w.name, *by], shape, "c", **at)
    return restored(d, q, by, **at).name


@motif
def qdq(d: Draft) -> None:
    """Put an operator between quantised values, as quantisers leave it."""
    if d.opset < 10:
        return
    v = pair(d, d.input("f", d.shape(d.pick(2, 3, 4, 4))))
    how = d.rng.randrange(5)
    if how == 0 and v.rank == 4:
        n, c, *spatial = v.shape
        out = d.rng.randint(1, 3)
        inputs = [v.name, weight(d, (out, c, 1, 1), 0)]
        if d.chance():
            inputs.append(d.const(d.array("f", (out,))))
        y = d.node("Conv", inputs, (n, out, *spatial), kernel_shape=[1, 1])
        if d.chance():
            y = d.node("Relu", [y.name], y.shape)
    elif how == 1 and v.rank >= 2:
        n = d.rng.randint(1, 3)
        w = weight(d, (v.shape[-1], n), 1)
        y = d.node("MatMul", [v.name, w], (*v.shape[:-1], n))
        if d.chance():
            y = d.node("Add", [y.name, d.const(d.array("f", (n,)))], y.shape)
    elif how == 2:
        w = pair(d, d.input("f", v.shape))
        y = v
        if w.shape == v.shape:
            y = d.node("Add", d.rng.sample([v.name, w.name], 2), v.shape)
    elif how == 3:
        y = moved(d, v)
    else:
        y = d.node(d.pick("Relu", "Identity", "Abs"), [v.name], v.shape)
    y = pair(d, y)
    if d.chance(0.3):
        pair(d, y)


@motif
def integer_products(d: Draft) -> None:
    """MatMulInteger, ConvInteger, and the products that stay quantised."""
    if d.opset < 10:
        return
    how = d.rng.randrange(3)
    v = d.input("f", d.shape(4 if how == 1 else d.pick(2, 3)))
    if 0 in v.shape:
        return
    kind = d.pick("u", "u", "c")
    by = parameters(d, kind)
    q = quantised(d, v, kind, by)
    out = d.rng.randint(1, 3)
    if how == 1:
        n, c, *spatial = v.shape
        w = d.const(np.abs(d.array("c", (out, c, 1, 1))).astype(DTYPES[kind][1]))
        y = d.node("ConvInteger", [q.name, w, by[1]], (n, out, *spatial), "w")
    elif how == 0:
        w = d.const(np.abs(d.array("c", (v.shape[-1], out))))
        y = d.node("MatMulInteger", [q.name, w, by[1]], (*v.shape[:-1], out), "w")
    else:
        w = d.const(np.abs(d.array("c", (v.shape[-1], out))))
        w_by, y_by = parameters(d, "c"), parameters(d, kind)
        y = d.node("QLinearMatMul", [q.name, *by, w, *w_by, *y_by], (*v.shape[:-1], out), kind)
        restored(d, y, y_by)
        return
    f = d.node("Cast", [y.name], y.shape, to=1)
    d.node("Mul", d.rng.sample([f.name, d.const(np.array(0.5, np.float32))], 2), y.shape)


@motif
def dynamic(d: Draft) -> None:
    """Dynamic quantisation, as ONNX Runtime's tool writes it."""
    if d.opset < 11:
        return
    v = d.input("f", d.shape(d.pick(2, 3)))
    if 0 in v.shape:
        return
    q = d.node("DynamicQuantizeLinear", [v.name], v.shape, "u", outputs=3)
    names = d.nodes[-1].output
    n = d.rng.randint(1, 3)
    w = d.const(d.array("c", (v.shape[-1], n)))
    zero = d.const(np.array(0, np.int8))
    y = d.node("MatMulInteger", [q.name, w, names[2], zero], (*v.shape[:-1], n), "w")
    f = d.node("Cast", [y.name], y.shape, to=1)
    scale = d.node("Mul", d.rng.sample([names[1], d.const(np.array(0.5, np.float32))], 2), ())
    f = d.node("Mul", d.rng.sample([f.name, scale.name], 2), f.shape)
    if d.chance():
        d.node("Add", d.rng.sample([f.name, d.const(d.array("f", (n,)))], 2), f.shape)

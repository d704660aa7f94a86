"""Operators in the form that their opset has: what lifting converts, what folding and inference must tell apart."""

from __future__ import annotations

import numpy as np

from motifs import motif
from values import Draft


@motif
def softmax_of_old(d: Draft) -> None:
    """Softmax, LogSoftmax and Hardmax over all axes behind one, or over that one."""
    v = d.some(least=2)
    op = d.pick("Softmax", "LogSoftmax", "Hardmax")
    if op == "Hardmax":
        v = d.node("Floor", [v.name], v.shape)
    attributes = {"axis": d.axis(v.rank) if d.opset >= 11 else d.rng.randrange(v.rank)}
    d.node(op, [v.name], v.shape, **(attributes if d.chance(0.8) else {}))


@motif
def upsampled(d: Draft) -> None:
    """Upsample, and every form of Resize: scales, sizes, axes."""
    v = d.some(rank=4)
    if 0 in v.shape:
        return
    factor = [1, 1, d.pick(1, 2), d.pick(1, 2)]
    shape = [n * k for n, k in zip(v.shape, factor, strict=True)]
    scales = np.array(factor, np.float32)
    mode = d.pick("nearest", "nearest", "linear")
    if d.opset == 9 or d.opset == 10:
        op = "Upsample" if d.opset == 9 else "Resize"
        d.node(op, [v.name, d.const(scales)], shape, mode=mode)
        return
    where = d.pick("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    attributes = {"mode": mode, "coordinate_transformation_mode": where}
    if mode == "nearest":
        attributes["nearest_mode"] = d.pick("floor", "round_prefer_floor", "ceil")
    roi = "" if d.opset >= 13 else d.const(np.zeros(0, np.float32))
    if d.opset >= 18 and d.chance(0.3):
        attributes["axes"] = [2, 3]
        scales, shape = scales[2:], shape
    if d.chance():
        sizes = shape[2:] if "axes" in attributes else shape
        none = "" if d.opset >= 13 else d.const(np.zeros(0, np.float32))
        d.node("Resize", [v.name, roi, none, d.ints(*sizes)], shape, **attributes)
    else:
        d.node("Resize", [v.name, roi, d.const(scales)], shape, **attributes)


@motif
def largest_few(d: Draft) -> None:
    """TopK, whose k became an input; ties are avoided."""
    v = d.some(least=1, most=3)
    axis = d.rng.randrange(v.rank)
    n = v.shape[axis]
    if n == 0 or 0 in v.shape:
        return
    places = np.arange(n, dtype=np.float32).reshape((n,) + (1,) * (v.rank - 1 - axis))
    v = d.node("Add", [d.node("Sign", [v.name], v.shape).name, d.const(places * 4)], v.shape)
    k = d.rng.randint(1, n)
    shape = [*v.shape[:axis], k, *v.shape[axis + 1 :]]
    attributes = {"axis": axis - v.rank * (d.opset >= 11 and d.chance(0.3))}
    if d.opset >= 11 and d.chance():
        attributes["largest"] = d.rng.randint(0, 1)
    inputs = [v.name, d.ints(k)] if d.opset >= 10 else [v.name]
    if d.opset < 10:
        attributes["k"] = k
    d.node("TopK", inputs, shape, outputs=2, **attributes)


@motif
def reduced(d: Draft) -> None:
    """Every reduction: with axes, over all, over none."""
    v = d.some(least=1)
    op = d.pick(
        "ReduceSum",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceL1",
        "ReduceL2",
        "ReduceSumSquare",
    )
    keep = d.chance()
    if d.chance(0.7):
        axes = [d.axis(v.rank)] if d.opset >= 11 else [d.rng.randrange(v.rank)]
        y = d.reduce(op, v, axes, keep)
    elif d.opset >= (13 if op == "ReduceSum" else 18) and d.chance(0.6):
        none = d.pick(0, 1)
        shape = v.shape if none else ((1,) * v.rank if keep else ())
        inputs = [v.name, d.const(np.zeros(0, np.int64))] if d.chance() else [v.name]
        y = d.node(op, inputs, shape, keepdims=int(keep), noop_with_empty_axes=none)
    else:
        y = d.node(op, [v.name], (1,) * v.rank if keep else (), keepdims=int(keep))
    if d.chance(0.3):
        d.node("Neg", [y.name], y.shape)


@motif
def split_evenly(d: Draft) -> None:
    """Split without sizes; with the number of parts from opset 18 on."""
    v = d.some(least=1)
    axis = d.rng.randrange(v.rank)
    n = v.shape[axis]
    parts = d.pick(1, 2, 2, 3)
    if n == 0 or (n % parts and d.opset < 18) or -(-n // parts) * (parts - 1) >= n:
        return
    size = -(-n // parts)
    sizes = [size] * (parts - 1) + [n - size * (parts - 1)]
    extra = {"num_outputs": parts} if d.opset >= 18 else {}
    first = d.node("Split", [v.name], (), outputs=parts, axis=axis, **extra)
    d.pool.pop()
    names = d.nodes[-1].output
    assert names[0] == first.name
    made = [
        d.keep(name, "f", (*v.shape[:axis], k, *v.shape[axis + 1 :]))
        for name, k in zip(names, sizes, strict=True)
    ]
    if d.chance():
        d.node("Concat", [p.name for p in made], v.shape, axis=axis)


@motif
def padded(d: Draft) -> None:
    """Pad in all modes; along some axes from opset 18 on."""
    v = d.some(least=1)
    mode = d.pick("constant", "reflect", "edge")
    room = [n - 1 if mode == "reflect" else 2 for n in v.shape]
    if 0 in v.shape:
        return
    pads = [d.rng.randint(0, max(0, min(2, r))) for r in room * 2]
    shape = [n + pads[i] + pads[i + v.rank] for i, n in enumerate(v.shape)]
    if d.opset < 11:
        d.node("Pad", [v.name], shape, mode=mode, pads=pads)
    elif d.opset >= 18 and d.chance(0.4):
        axis = d.rng.randrange(v.rank)
        some = [pads[axis], pads[axis + v.rank]]
        shape = list(v.shape)
        shape[axis] += sum(some)
        d.node("Pad", [v.name, d.ints(*some), "", d.ints(axis)], shape, mode=mode)
    else:
        d.node("Pad", [v.name, d.ints(*pads)], shape, mode=mode)


@motif
def pooled(d: Draft) -> None:
    """Pools with strides, pads that count, windows that hang over."""
    v = d.some(rank=4)
    if 0 in v.shape:
        return
    op = d.pick("MaxPool", "AveragePool")
    kernel, stride, pad = d.pick((1, 1, 0), (2, 1, 0), (3, 2, 1), (3, 1, 1), (2, 2, 0))
    if min(v.shape[2:]) + 2 * pad < kernel:
        return
    attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
    if op == "AveragePool":
        attributes["count_include_pad"] = d.rng.randint(0, 1)
    spatial = [(n + 2 * pad - kernel) // stride + 1 for n in v.shape[2:]]
    if op == "MaxPool" and d.opset >= 10 and d.chance(0.3):
        attributes["ceil_mode"] = 1
        spatial = [-(-(n + 2 * pad - kernel) // stride) + 1 for n in v.shape[2:]]
        if any((k - 1) * stride >= n + pad for k, n in zip(spatial, v.shape[2:], strict=True)):
            return
    d.node(op, [v.name], (*v.shape[:2], *spatial), **attributes)


@motif
def scattered(d: Draft) -> None:
    """Scatter and its successors, OneHot, CumSum, Trilu, Range of a dim."""
    v = d.some(least=1, most=3)
    if 0 in v.shape:
        return
    how = d.rng.randrange(5)
    axis = d.rng.randrange(v.rank)
    if how == 0:
        shape = (*v.shape[:axis], 1, *v.shape[axis + 1 :])
        at = d.const(np.full(shape, d.rng.randrange(v.shape[axis])))
        op = "Scatter" if d.opset < 11 else "ScatterElements"
        d.node(op, [v.name, at, d.const(d.array("f", shape))], v.shape, axis=axis)
    elif how == 1:
        ids = d.input("i", (v.shape[0],))
        values = d.const(np.array([0, 1], np.float32))
        y = d.node("OneHot", [ids.name, d.const(np.array(4)), values], (v.shape[0], 4), axis=-1)
        d.node("MatMul", [y.name, d.const(d.array("f", (4, 2)))], (v.shape[0], 2))
    elif how == 2 and d.opset >= 11:
        extra = {"exclusive": d.rng.randint(0, 1), "reverse": d.rng.randint(0, 1)}
        d.node("CumSum", [v.name, d.const(np.array(axis))], v.shape, **extra)
    elif how == 3 and d.opset >= 14 and v.rank >= 2:
        d.node("Trilu", [v.name, d.const(np.array(d.rng.randint(-1, 1)))], v.shape, upper=0)
    elif d.opset >= 11:
        n = d.node("Shape", [v.name], (v.rank,), "i")
        n = d.node("Gather", [n.name, d.const(np.array(axis))], (), "i")
        ends = [d.const(np.array(i)) for i in (0, 1)]
        r = d.node("Range", [ends[0], n.name, ends[1]], (v.shape[axis],), "i")
        d.node("Gather", [v.name, r.name], v.shape, axis=axis)


@motif
def spaces(d: Draft) -> None:
    """DepthToSpace and SpaceToDepth, and what exporters write for them."""
    v = d.input("f", (d.pick(1, 2), 4, d.pick(1, 2), 2))
    n, c, h, w = v.shape
    how = d.rng.randrange(3)
    if how == 0:
        mode = {"mode": d.pick("DCR", "CRD")} if d.opset >= 11 else {}
        y = d.node("DepthToSpace", [v.name], (n, 1, 2 * h, 2 * w), blocksize=2, **mode)
        if d.chance() and h % 1 == 0:
            d.node("SpaceToDepth", [y.name], v.shape, blocksize=2)
    elif how == 1:
        y = d.reshape(v, (n, 1, 2, 2, h, w), d.pick(None, [0, 1, 2, 2, h, w]))
        y = d.transpose(y, d.pick([0, 1, 4, 2, 5, 3], [0, 1, 4, 3, 5, 2]))
        d.reshape(y, (n, 1, 2 * h, 2 * w))
    else:
        y = d.reshape(v, (n, 2, c // 2, h, w), d.pick(None, [0, 2, -1, h, w]))
        y = d.transpose(y, [0, 2, 1, 3, 4])
        d.reshape(y, v.shape, d.pick(None, [0, -1, h, w]))


@motif
def recurrent(d: Draft) -> None:
    """LSTM, GRU or RNN with their transposes and squeezes around."""
    s, b, n, h = d.pick((1, 1, 2, 2), (3, 2, 2, 1), (2, 1, 1, 3))
    x = d.transpose(d.input("f", (b, s, n)), [1, 0, 2])
    op, gates = d.pick(("LSTM", 4), ("GRU", 3), ("RNN", 1))
    w, r = (d.const(d.array("f", (1, gates * h, k)) / 8) for k in (n, h))
    inputs = [x.name, w, r]
    if d.chance():
        inputs.append(d.const(d.array("f", (1, 2 * gates * h)) / 4))
    if d.chance(0.4):
        inputs += [""] * (5 - len(inputs)) + [d.const(np.zeros((1, b, h), np.float32))]
    y = d.node(op, inputs, (s, 1, b, h), hidden_size=h, outputs=d.pick(1, 2))
    y = d.squeeze(y, [1])
    d.transpose(y, [1, 0, 2])


@motif
def casts_between(d: Draft) -> None:
    """Casts through other types of integers, and CastLike."""
    v = d.some(least=1)
    v = d.clip(v, -100.0, 100.0)
    v = d.node("Floor", [v.name], v.shape)
    codes = {"i": 7, "w": 6, "c": 3, "d": 11}
    for _ in range(d.rng.randint(1, 3)):
        kind = d.pick(*codes)
        if d.opset >= 19 and d.chance(0.3):
            like = d.const(np.zeros(1, {"i": "i8", "w": "i4", "c": "i1", "d": "f8"}[kind]))
            v = d.node("CastLike", [v.name, like], v.shape, kind)
        else:
            v = d.node("Cast", [v.name], v.shape, kind, to=codes[kind])
    d.node("Cast", [v.name], v.shape, to=1)


@motif
def drops(d: Draft) -> None:
    """Dropout with a ratio and a mode that are constants."""
    v = d.some(least=1)
    if d.opset < 12:
        d.node("Dropout", [v.name], v.shape, ratio=0.25, outputs=d.pick(1, 2))
        return
    inputs = [v.name, d.const(np.array(d.pick(0.0, 0.5), np.float32))]
    if d.chance():
        inputs.append(d.const(np.array(False)))
    y = d.node("Dropout", inputs, v.shape, outputs=d.pick(1, 2))
    if len(d.nodes[-1].output) > 1 and d.chance(0.3):
        d.node("Not", [d.nodes[-1].output[1]], y.shape, "b")

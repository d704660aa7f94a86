"""Forms that newer opsets have an operator for, in exporters' spellings: norms, attention, rotary angles."""

from __future__ import annotations

import numpy as np

from motifs import motif
from values import Draft, Value


def scalar(d: Draft, x: float) -> str:
    """Add a float of rank 0."""
    return d.const(np.array(x, np.float32))


# --- norms -----------------------------------------------------------------------------------------------------


def mean(d: Draft, v: Value, axes: list[int]) -> Value:
    """Add a mean over axes that stay, in one of several spellings."""
    count = float(np.prod([v.shape[a] for a in axes]))
    if d.opset < 11:
        axes = [a % v.rank for a in axes]
    how = d.rng.randrange(4)
    if how == 0 and count in (1, 2, 4):
        total = d.reduce("ReduceSum", v, axes, True)
        return d.node("Mul", d.rng.sample([total.name, scalar(d, 1 / count)], 2), total.shape)
    if how == 1:
        total = d.reduce("ReduceSum", v, axes, True)
        return d.node("Div", [total.name, scalar(d, count)], total.shape)
    if how == 2:
        return d.unsqueeze(d.reduce("ReduceMean", v, axes, False), axes)
    return d.reduce("ReduceMean", v, axes, True)


def square(d: Draft, v: Value) -> Value:
    """Add a square."""
    if d.chance():
        return d.node("Pow", [v.name, scalar(d, d.pick(2.0, 2.0, 2.0, 3.0))], v.shape)
    return d.node("Mul", [v.name, v.name], v.shape)


def divided(d: Draft, x: Value, variance: Value) -> Value:
    """Divide by the root of a variance and an epsilon."""
    e = d.node("Add", d.rng.sample([variance.name, d.number(0.5, x)], 2), variance.shape)
    how = d.rng.randrange(5)
    if how == 0:
        inverse = d.node("Pow", [e.name, scalar(d, -0.5)], e.shape)
    elif how == 1:
        e = d.node("Reciprocal", [e.name], e.shape)
        inverse = d.node("Sqrt", [e.name], e.shape)
    else:
        root = d.node("Sqrt", [e.name], e.shape)
        if how == 2:
            return d.node("Div", [x.name, root.name], x.shape)
        if how == 3:
            inverse = d.node("Reciprocal", [root.name], e.shape)
        else:
            inverse = d.node("Div", [scalar(d, 1.0), root.name], e.shape)
    if d.chance(0.2):
        by = Value(d.const(d.array("f", x.shape[-1:])), "f", x.shape[-1:])
        inverse = d.node("Mul", d.rng.sample([inverse.name, by.name], 2), d.broadcast(inverse, by))
    return d.node("Mul", d.rng.sample([x.name, inverse.name], 2), x.shape)


@motif
def norm_forms(d: Draft) -> None:
    """LayerNormalization or RMSNormalization over one or two axes, and scale and bias of about their shape."""
    v = d.some(least=2, most=4)
    axes = d.pick([v.rank - 1], [v.rank - 1], [v.rank - 2, v.rank - 1], [-1])
    x = v
    if d.chance(0.6):
        x = d.node("Sub", [v.name, mean(d, v, axes).name], v.shape)
    again = x
    if x is not v and d.chance(0.3):
        again = d.node("Sub", [v.name, mean(d, v, axes).name], v.shape)
    y = divided(d, x, mean(d, square(d, again), axes))
    tail = v.shape[axes[0] % v.rank :]
    for op in d.rng.sample(["Mul", "Add", "Add"], d.rng.randint(0, 3)):
        by = d.pick(tail, tail, tail, (1, *tail), (tail[-1],), (1,))
        given = d.chance(0.2)
        name = d.input("f", by).name if given else d.const(d.array("f", by))
        shape = d.broadcast(y, Value(name, "f", by))
        y = d.node(op, d.rng.sample([y.name, name], 2), shape)


@motif
def moments(d: Draft) -> None:
    """Keras: x * f + (bias - mean * f), f = scale / sqrt(variance + epsilon)."""
    v = d.some(least=2, most=4)
    m = d.reduce("ReduceMean", v, [-1], True)
    x = d.node("Sub", [v.name, m.name], v.shape)
    variance = mean(d, square(d, x), [v.rank - 1])
    e = d.node("Add", [variance.name, scalar(d, 0.5)], variance.shape)
    root = d.node("Sqrt", [e.name], e.shape)
    scale, bias = (d.const(d.array("f", (v.shape[-1],))) for _ in range(2))
    inverse = d.node("Reciprocal", [root.name], root.shape)
    f = d.node("Mul", d.rng.sample([inverse.name, scale], 2), v.shape)
    a = d.node("Mul", d.rng.sample([v.name, f.name], 2), v.shape)
    b = d.node("Mul", d.rng.sample([m.name, f.name], 2), v.shape)
    c = d.node("Sub", [bias, b.name], v.shape)
    d.node("Add", d.rng.sample([a.name, c.name], 2), v.shape)


@motif
def norms_of_images(d: Draft) -> None:
    """Operators that normalise, and the sums behind them."""
    v = d.some(rank=4)
    c = v.shape[1]
    scale, bias = (d.const(d.array("f", (c,))) for _ in range(2))
    if 0 in v.shape:
        return
    how = d.rng.randrange(4)
    if how == 0:
        y = d.node("InstanceNormalization", [v.name, scale, bias], v.shape, epsilon=0.5)
    elif how == 1 and d.opset >= 17:
        by = d.const(d.array("f", (v.shape[-1],)))
        y = d.node("LayerNormalization", [v.name, by], v.shape, axis=-1, epsilon=0.5)
    elif how == 2 and d.opset >= 21:
        y = d.node("GroupNormalization", [v.name, scale, bias], v.shape, num_groups=1, epsilon=0.5)
    else:
        y = d.node("LRN", [v.name], v.shape, size=d.pick(1, 3))
    by = d.const(d.array("f", d.pick((c, 1, 1), (v.shape[-1],), ())))
    d.node(d.pick("Mul", "Add"), d.rng.sample([y.name, by], 2), y.shape)


# --- attention -------------------------------------------------------------------------------------------------


def masked(d: Draft, scores: Value) -> Value:
    """Add a mask to scores, or fill them in."""
    b, s, t = scores.shape[0], *scores.shape[-2:]
    seen = np.tril(np.ones((s, t), bool), t - s)
    if d.chance(0.3):
        seen = np.ones((s, t), bool)
        seen[:, d.rng.randrange(t)] = False
    low = d.pick(-np.inf, -1e9, float(np.finfo(np.float32).min), -1000.0)
    how = d.rng.randrange(4)
    if how == 0:
        bias = np.where(seen, 0, low).astype(np.float32)
        bias = bias.reshape(d.pick((s, t), (1,) * (scores.rank - 2) + (s, t)))
        return d.node("Add", d.rng.sample([scores.name, d.const(bias)], 2), scores.shape)
    if how == 1:
        keep = d.const(seen)
        return d.node("Where", [keep, scores.name, scalar(d, low)], scores.shape)
    if how == 2:
        drop = d.const(~seen)
        return d.node("Where", [drop, scalar(d, low), scores.name], scores.shape)
    bias = d.input("f", (b, 1, 1, t) if scores.rank == 4 else (b, 1, t))
    return d.node("Add", d.rng.sample([scores.name, bias.name], 2), scores.shape)


def attended(d: Draft, q: Value, k: Value, v: Value) -> Value:
    """Add what stands between operands and result: scale, soft cap, mask, Softmax."""
    last = q.rank - 1
    scale = d.pick("none", "scores", "both", "q", "k")
    if scale in ("both", "q"):
        q = d.node("Mul", [q.name, scalar(d, 0.5)], q.shape)
    if scale in ("both", "k"):
        k = d.node("Mul", [k.name, scalar(d, 0.5)], k.shape)
    turned = d.transpose(k, [*range(last - 1), last, last - 1])
    shape = (*q.shape[:-1], k.shape[-2])
    scores = d.node("MatMul", [q.name, turned.name], shape)
    if scale == "scores":
        op = d.pick("Mul", "Div")
        scores = d.node(op, [scores.name, scalar(d, d.pick(0.5, 2.0))], shape)
    if d.chance(0.15):
        scores = d.node("Div", [scores.name, scalar(d, 8.0)], shape)
        scores = d.node("Tanh", [scores.name], shape)
        scores = d.node("Mul", [scores.name, scalar(d, 8.0)], shape)
    if d.chance(0.6):
        scores = masked(d, scores)
    p = d.node("Softmax", [scores.name], shape, axis=-1 if d.opset >= 13 else last)
    return d.node("MatMul", [p.name, v.name], (*q.shape[:-1], v.shape[-1]))


@motif
def fused_projection(d: Draft) -> None:
    """Attention whose operands are parts of one product: by Split, or by Reshape and Gather."""
    heads, depth = d.pick((1, 2), (2, 2), (2, 4))
    x = d.some(rank=3)
    b, s, h = x.shape
    if 0 in x.shape:
        return
    width = heads * depth
    y = d.node("MatMul", [x.name, d.const(d.array("f", (h, 3 * width)))], (b, s, 3 * width))
    if d.chance():
        y = d.node("Add", [y.name, d.const(d.array("f", (3 * width,)))], y.shape)
    if d.chance():
        parts = [
            d.transpose(d.reshape(p, (b, s, heads, depth), [0, 0, heads, depth]), [0, 2, 1, 3])
            for p in d.split(y, 2, [width] * 3)
        ]
    else:
        apart = d.reshape(y, (b, s, 3, heads, depth), d.pick(None, [0, 0, 3, heads, depth]))
        first = d.transpose(apart, [2, 0, 3, 1, 4])
        parts = [
            d.node("Gather", [first.name, d.const(np.array(i))], (b, heads, s, depth), axis=0)
            for i in range(3)
        ]
    c = attended(d, *parts)
    c = d.transpose(c, [0, 2, 1, 3])
    d.reshape(c, (b, s, width), d.pick(None, [0, 0, -1], [0, 0, width]))


@motif
def grouped_heads(d: Draft) -> None:
    """Attention with fewer heads for keys and values, which are repeated; perhaps merged with the batch."""
    b, s, t, heads, groups, depth = d.pick(
        (1, 2, 3, 4, 2, 2), (2, 3, 3, 2, 1, 4), (1, 1, 4, 2, 2, 2), (2, 2, 2, 4, 1, 2)
    )
    q = d.input("f", (b, heads, s, depth))
    operands = [q]
    for _ in range(2):
        v = d.input("f", (b, groups, t, depth))
        if groups != heads or d.chance(0.2):
            times = heads // groups
            apart = d.unsqueeze(v, [2])
            shape = (b, groups, times, t, depth)
            if d.chance():
                apart = d.node("Expand", [apart.name, d.ints(*shape)], shape)
            else:
                apart = d.node("Tile", [apart.name, d.ints(1, 1, times, 1, 1)], shape)
            v = d.reshape(apart, (b, heads, t, depth), d.pick(None, [0, heads, -1, depth]))
        operands.append(v)
    if d.chance(0.4):
        operands = [d.reshape(o, (b * heads, *o.shape[2:])) for o in operands]
        y = attended(d, *operands)
        if d.chance(0.8):
            d.reshape(y, (b, heads, s, depth))
        return
    y = attended(d, *operands)
    if d.chance():
        y = d.transpose(y, [0, 2, 1, 3])
        d.reshape(y, (b, s, heads * depth))


@motif
def past(d: Draft) -> None:
    """Attention over keys and values that are joined to those of steps before, which are outputs."""
    b, s, p, heads, depth = d.pick((1, 1, 3, 2, 2), (2, 2, 2, 1, 4), (1, 3, 1, 2, 2))
    x = d.input("f", (b, s, heads * depth))
    made = []
    for i in range(3):
        w = d.const(d.array("f", (x.shape[-1], heads * depth)))
        y = d.node("MatMul", [x.name, w], (b, s, heads * depth))
        y = d.reshape(y, (b, s, heads, depth), [0, 0, heads, depth])
        y = d.transpose(y, [0, 2, 1, 3])
        if i:
            before = d.input("f", (b, heads, p, depth))
            y = d.node("Concat", [before.name, y.name], (b, heads, p + s, depth), axis=2)
        made.append(y)
    y = d.transpose(attended(d, *made), [0, 2, 1, 3])
    d.reshape(y, (b, s, heads * depth), [0, 0, -1])


# --- rotary ----------------------------------------------------------------------------------------------------


def angles(d: Draft, s: int, n: int, batch: int) -> list[str]:
    """Add cosines and sines for n elements at s positions: constants, or gathered by positions."""
    if d.chance(0.4):
        ids = d.const(np.array([[d.rng.randrange(4) for _ in range(s)] for _ in range(batch)]))
        tables = (d.const(d.array("f", (4, n))) for _ in range(2))
        rows = [d.node("Gather", [t, ids], (batch, s, n), axis=0) for t in tables]
        return [d.unsqueeze(r, [1]).name for r in rows]
    shape = d.pick((s, n), (1, 1, s, n), (1, s, n))
    return [d.const(d.array("f", shape)) for _ in range(2)]


@motif
def rotary_parts(d: Draft) -> None:
    """Rotated parts by themselves, halves or neighbours, with elements behind them that stay."""
    b, h, s, n, rest = d.pick((1, 2, 2, 4, 0), (2, 1, 3, 4, 2), (1, 1, 2, 2, 1), (2, 2, 2, 4, 3))
    if d.opset < 10:
        return
    x = whole = d.input("f", (b, h, s, n + rest))
    tail = None
    if rest:
        if d.chance():
            x, tail = d.split(whole, 3, [n, rest])
        else:
            x, tail = d.slice(whole, 3, 0, n), d.slice(whole, 3, n, d.pick(n + rest, 2**31))
    half = (b, h, s, n // 2)
    if apart := d.chance():
        if d.chance():
            x1, x2 = d.slice(x, 3, 0, n // 2), d.slice(x, 3, n // 2, n)
        else:
            x1, x2 = d.split(x, 3, [n // 2] * 2)
    elif d.chance():
        pairs = d.reshape(x, (b, h, s, n // 2, 2), d.pick(None, [0, 0, 0, -1, 2]))
        x1, x2 = (
            d.node("Gather", [pairs.name, d.const(np.array(i))], half, axis=-1) for i in range(2)
        )
    else:
        x1, x2 = d.slice(x, 3, 0, n, 2), d.slice(x, 3, 1, n, 2)
    cos, sin = angles(d, s, n // 2, b)

    def times(v: Value, by: str) -> str:
        return d.node("Mul", d.rng.sample([v.name, by], 2), half).name

    r1 = d.node("Sub", [times(x1, cos), times(x2, sin)], half)
    r2 = d.node("Add", d.rng.sample([times(x1, sin), times(x2, cos)], 2), half)
    if apart:
        y = d.node("Concat", [r1.name, r2.name], x.shape, axis=d.pick(3, -1))
    else:
        stacked = [d.unsqueeze(r, [4]).name for r in (r1, r2)]
        y = d.node("Concat", stacked, (*half, 2), axis=4)
        y = d.reshape(y, x.shape, d.pick(None, [0, 0, 0, -1]))
    if tail:
        y = d.node("Concat", [y.name, tail.name], whole.shape, axis=3)
    if d.chance():
        d.transpose(y, d.pick([0, 1, 3, 2], [0, 2, 1, 3]))


# --- activations -----------------------------------------------------------------------------------------------


@motif
def activations(d: Draft) -> None:
    """Swish, HardSwish, Mish, Gelu by Tanh, and near misses."""
    v = d.some(least=1)
    how = d.rng.randrange(4)
    if how == 0:
        x = v if d.chance() else d.node("Mul", [v.name, scalar(d, d.pick(1.0, 2.0))], v.shape)
        y = d.node("Sigmoid", [x.name], v.shape)
        d.node("Mul", d.rng.sample([v.name, y.name], 2), v.shape)
    elif how == 1:
        if d.opset >= 14 and d.chance():
            y = d.node("HardSigmoid", [v.name], v.shape, alpha=1 / 6, beta=0.5)
        else:
            y = d.node("Add", [v.name, scalar(d, 3.0)], v.shape)
            y = d.clip(y, 0.0, d.pick(6.0, 6.0, 5.0))
            y = d.node("Div", [y.name, scalar(d, 6.0)], v.shape)
        d.node("Mul", d.rng.sample([v.name, y.name], 2), v.shape)
    elif how == 2:
        y = d.node("Softplus", [v.name], v.shape)
        y = d.node("Tanh", [y.name], v.shape)
        d.node("Mul", d.rng.sample([v.name, y.name], 2), v.shape)
    else:
        cube = d.node("Pow", [v.name, scalar(d, 3.0)], v.shape)
        c = d.node("Mul", [cube.name, scalar(d, 0.044715)], v.shape)
        s = d.node("Add", [v.name, c.name], v.shape)
        s = d.node("Mul", [s.name, scalar(d, float(np.sqrt(2 / np.pi)))], v.shape)
        t = d.node("Tanh", [s.name], v.shape)
        t = d.node("Add", [t.name, scalar(d, 1.0)], v.shape)
        half = d.node("Mul", [v.name, scalar(d, 0.5)], v.shape)
        d.node("Mul", d.rng.sample([half.name, t.name], 2), v.shape)

"""What rules look for, and what is nearly that: each motif adds a few nodes to a draft, with random spellings."""

from __future__ import annotations

import numpy as np

from values import SCALES, Draft, Value

UNARY = (
    "Relu",
    "Neg",
    "Abs",
    "Sigmoid",
    "Tanh",
    "Identity",
    "Floor",
    "Ceil",
    "Sign",
    "Softsign",
    "Erf",
    "Round",
)
BINARY = ("Add", "Sub", "Mul", "Add", "Mul", "Min", "Max")
MOTIFS = []


def motif(fn):
    """Register a motif."""
    MOTIFS.append(fn)
    return fn


@motif
def unary(d: Draft) -> None:
    """One or two elementwise operators; the same twice is idempotent, or cancels."""
    v = d.some()
    op = d.pick(*(op for op in UNARY if d.opset >= 11 or op != "Round"))
    v = d.node(op, [v.name], v.shape)
    if d.chance(0.4):
        d.node(op, [v.name], v.shape)


@motif
def binary(d: Draft) -> None:
    """Two operands that broadcast."""
    a = d.some()
    others = [b for b in d.pool if b.kind == "f" and d.broadcast(a, b) is not None]
    b = d.pick(*others)
    x, y = (a, b) if d.chance() else (b, a)
    d.node(d.pick(*BINARY), [x.name, y.name], d.broadcast(a, b))


@motif
def same_twice(d: Draft) -> None:
    """Compute the same twice, the operands in either order."""
    a = d.some()
    b = d.pick(*(b for b in d.pool if b.kind == "f" and d.broadcast(a, b) is not None))
    op = d.pick("Add", "Mul", "Sub", "Max")
    for x, y in ((a, b), (b, a) if d.chance() else (a, b)):
        d.node(op, [x.name, y.name], d.broadcast(a, b))


@motif
def scalars(d: Draft) -> None:
    """Chain arithmetic with constants of one element."""
    v = d.some()
    for _ in range(d.rng.randint(1, 3)):
        op = d.pick("Add", "Sub", "Mul", "Div")
        x = d.pick(*SCALES)
        if op == "Div" and x == 0:
            x = 1.0
        c = d.number(x, v)
        swap = op != "Div" and d.chance(0.4)
        shape = d.broadcast(v, Value(c, "f", (1,) * max(v.rank, 1))) if v.rank == 0 else v.shape
        if v.rank == 0:
            c, shape = d.const(np.array(x, np.float32)), ()
        v = d.node(op, [c, v.name] if swap else [v.name, c], shape)


@motif
def channels(d: Draft) -> None:
    """Arithmetic with a constant that broadcasts along some axes."""
    v = d.some(least=1)
    shape = tuple(n if d.chance() else 1 for n in v.shape[d.rng.randrange(v.rank) :])
    op = d.pick("Add", "Mul", "Sub")
    c = d.const(d.array("f", shape))
    d.node(op, [c, v.name] if d.chance(0.3) else [v.name, c], v.shape)


@motif
def transposes(d: Draft) -> None:
    """One Transpose, or two with something in between."""
    v = d.some(least=2)
    v = d.transpose(v, d.perm(v.rank))
    for _ in range(d.rng.randint(0, 2)):
        v = d.node(d.pick("Relu", "Neg", "Sigmoid"), [v.name], v.shape)
    if d.chance(0.7):
        d.transpose(v, d.perm(v.rank))


@motif
def views(d: Draft) -> None:
    """Reshapes, Flatten, Squeeze and Unsqueeze that follow each other."""
    v = d.some(least=1)
    for _ in range(d.rng.randint(1, 3)):
        v = view(d, v)


def view(d: Draft, v: Value) -> Value:
    """Add one node that keeps the elements in their order."""
    size = int(np.prod(v.shape))
    how = d.rng.randrange(5)
    ones = [i for i, n in enumerate(v.shape) if n == 1]
    if how == 0 and v.rank:
        at = d.rng.randint(0, v.rank)
        shape = (int(np.prod(v.shape[:at])), int(np.prod(v.shape[at:])))
        return d.node("Flatten", [v.name], shape, axis=at)
    if how == 1 and ones and v.rank > 1:
        return d.squeeze(v, [d.pick(*ones)])
    if how == 2 and v.rank < 5:
        return d.unsqueeze(v, [d.rng.randint(0, v.rank)])
    if how == 3 and v.rank > 1:
        at = d.rng.randrange(v.rank - 1)
        shape = [*v.shape[:at], v.shape[at] * v.shape[at + 1], *v.shape[at + 2 :]]
        target = [0] * at + [-1] + list(shape[at + 1 :])
        return d.reshape(v, shape, target if d.chance() else None)
    factor = next((f for f in (2, 3, 5) if size % f == 0), 1)
    shape = (size // factor, factor)
    return d.reshape(v, shape, d.pick([-1, factor], list(shape)))


@motif
def computed_view(d: Draft) -> None:
    """x.view(B, S, -1) as exporters write it: Shape, Gather, Unsqueeze, Concat, Reshape."""
    v = d.some(rank=3)
    whole = d.node("Shape", [v.name], (3,), "i")
    parts = []
    for i in range(2):
        part = d.node("Gather", [whole.name, d.const(np.array(i, np.int64))], (), "i", axis=0)
        parts.append(d.unsqueeze(part, [0]).name)
    heads = d.pick(1, *(h for h in (2, 3) if v.shape[2] % h == 0))
    target = d.node("Concat", [*parts, d.ints(heads), d.ints(-1)], (4,), "i", axis=0)
    shape = (v.shape[0], v.shape[1], heads, v.shape[2] // heads)
    r = d.node("Reshape", [v.name, target.name], shape)
    if d.chance():
        d.transpose(r, d.pick([0, 2, 1, 3], [0, 2, 3, 1]))


@motif
def shape_arithmetic(d: Draft) -> None:
    """Expand or reshape to what is computed from a Shape."""
    v = d.some(least=1)
    shape = d.node("Shape", [v.name], (v.rank,), "i")
    four = d.const(np.array([4], np.int64))
    s = d.node("Mul", [shape.name, four], (v.rank,), "i")
    s = d.node("Div", [s.name, four], (v.rank,), "i")
    op = d.pick("Expand", "Reshape", "ConstantOfShape")
    if op == "ConstantOfShape":
        d.node(op, [s.name], v.shape)
    else:
        d.node(op, [v.name, s.name], v.shape)


@motif
def slices(d: Draft) -> None:
    """Slices of the same or of different axes."""
    v = d.some(least=1)
    for _ in range(d.rng.randint(1, 2)):
        if v.rank == 0 or 0 in v.shape:
            return
        axis = d.rng.randrange(v.rank)
        n = v.shape[axis]
        start, end = d.pick((0, n), (0, 2**31), (1, n), (-n, -1), (0, max(1, n - 1)), (-1, 2**31))
        step = d.pick(1, 1, 1, 2)
        if len(range(n)[start:end:step]) == 0:
            return
        v = d.slice(v, axis, start, end, step)


@motif
def concat_and_back(d: Draft) -> None:
    """Concat, Concat of Concat, Split of Concat, Slice of Concat."""
    a = d.some(least=1)
    axis = d.rng.randrange(a.rank)
    like = [b for b in d.pool if b.kind == "f" and b.rank == a.rank]
    fits = [
        b
        for b in like
        if all(x == y for i, (x, y) in enumerate(zip(a.shape, b.shape, strict=True)) if i != axis)
    ]
    parts = [a, *(d.pick(*fits) for _ in range(d.rng.randint(1, 2)))]
    shape = list(a.shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    c = d.node("Concat", [p.name for p in parts], shape, axis=axis)
    how = d.rng.randrange(4)
    if how == 0:
        d.split(c, axis, [p.shape[axis] for p in parts])
    elif how == 1:
        d.slice(c, axis, 0, parts[0].shape[axis])
    elif how == 2:
        shape[axis] += a.shape[axis]
        d.node("Concat", [c.name, a.name], shape, axis=axis)


@motif
def split_and_back(d: Draft) -> None:
    """Split, then a Concat of the parts in this or another order."""
    v = d.some(least=1)
    axis = d.rng.randrange(v.rank)
    n = v.shape[axis]
    if n < 2:
        return
    at = d.rng.randint(1, n - 1)
    parts = d.split(v, axis, [at, n - at])
    if d.chance(0.2):
        parts.reverse()
    d.node("Concat", [p.name for p in parts], v.shape, axis=axis)


@motif
def stack_and_sum(d: Draft) -> None:
    """ReduceSum over a Concat of unsqueezed values."""
    v = d.some(least=1, most=3)
    axis = d.rng.randint(0, v.rank)
    like = [b for b in d.pool if b.kind == "f" and b.shape == v.shape]
    parts = [
        d.unsqueeze(p, [axis]) for p in [v, *(d.pick(*like) for _ in range(d.rng.randint(1, 2)))]
    ]
    shape = list(parts[0].shape)
    shape[axis] = len(parts)
    c = d.node("Concat", [p.name for p in parts], shape, axis=axis)
    d.reduce(d.pick("ReduceSum", "ReduceSum", "ReduceMean", "ReduceMax"), c, [axis], d.chance(0.3))


@motif
def gather(d: Draft) -> None:
    """Gather of all indices in order, of some, or of one."""
    v = d.some(least=1)
    axis = d.axis(v.rank)
    n = v.shape[axis]
    if n == 0:
        return
    indices = d.pick(
        list(range(n)), [d.rng.randrange(n)], [d.rng.randrange(-n, n) for _ in range(2)]
    )
    shape = list(v.shape)
    shape[axis] = len(indices)
    d.node("Gather", [v.name, d.ints(*indices)], shape, axis=axis)


@motif
def where(d: Draft) -> None:
    """Where with a constant or a computed condition."""
    a = d.some()
    b = d.pick(*(b for b in d.pool if b.kind == "f" and d.broadcast(a, b) is not None))
    shape = d.broadcast(a, b)
    if d.chance():
        condition = d.const(np.full(d.pick((), (1,) * len(shape)), d.chance()))
    else:
        condition = d.node("Greater", [a.name, b.name], shape, "b").name
    d.node("Where", [condition, a.name, b.name], shape)


@motif
def expand(d: Draft) -> None:
    """Expand in front of an operator that broadcasts anyway."""
    v = d.some(least=1)
    shape = tuple(d.rng.randint(2, 4) if n == 1 and d.chance() else n for n in v.shape)
    e = d.node("Expand", [v.name, d.ints(*shape)], shape)
    fits = [b for b in d.pool if b.kind == "f" and d.broadcast(e, b) is not None]
    b = d.pick(*fits)
    d.node(d.pick("Add", "Mul"), [e.name, b.name], d.broadcast(e, b))


@motif
def clips(d: Draft) -> None:
    """Relu, Clip, Min and Max with constants behind each other."""
    v = d.some()
    for _ in range(d.rng.randint(1, 3)):
        how = d.rng.randrange(3)
        low, high = sorted((d.rng.randint(-3, 3), d.rng.randint(-3, 3)))
        if how == 0:
            v = d.node("Relu", [v.name], v.shape)
        elif how == 1:
            v = d.clip(v, d.pick(None, float(low)), d.pick(None, float(high)))
        else:
            v = d.node(d.pick("Min", "Max"), [v.name, d.const(np.array(low, np.float32))], v.shape)


@motif
def casts(d: Draft) -> None:
    """Casts there and back."""
    v = d.some()
    v = d.node("Floor", [v.name], v.shape)
    v = d.node("Cast", [v.name], v.shape, "i", to=7)
    if d.chance(0.3):
        v = d.node("Cast", [v.name], v.shape, "i", to=7)
    d.node("Cast", [v.name], v.shape, to=1)


@motif
def reductions(d: Draft) -> None:
    """Reduce, often over axes of one element."""
    v = d.some(least=1)
    axes = d.rng.sample(range(v.rank), d.rng.randint(1, v.rank))
    d.reduce(d.pick("ReduceSum", "ReduceMean", "ReduceMax"), v, axes, d.chance())


@motif
def softmax(d: Draft) -> None:
    """Softmax, perhaps between Transposes."""
    v = d.some(least=2)
    turn = d.chance(0.4)
    if turn:
        v = d.transpose(v, d.perm(v.rank))
    v = d.node(
        "Softmax",
        [v.name],
        v.shape,
        axis=d.axis(v.rank) if d.opset >= 13 else d.pick(1, v.rank - 1),
    )
    if turn:
        d.transpose(v, d.perm(v.rank))


@motif
def matmul(d: Draft) -> None:
    """Multiply by constant weights, with a bias and a scale, transposed here and there."""
    v = d.some(least=2, most=4)
    k, n = v.shape[-1], d.rng.randint(1, 4)
    w = d.keep(d.const(d.array("f", (n, k))), "f", (n, k))
    d.pool.pop()
    weights = d.transpose(w, [1, 0]).name if d.chance(0.4) else d.const(d.array("f", (k, n)))
    shape = (*v.shape[:-1], n)
    y = d.node("MatMul", [v.name, weights], shape)
    if d.chance(0.7):
        c = d.const(d.array("f", d.pick((n,), (1, n), (1,), ())))
        y = d.node("Add", [y.name, c] if d.chance() else [c, y.name], shape)
    if d.chance(0.3):
        y = d.node(d.pick("Mul", "Div"), [y.name, d.number(d.pick(0.5, 2.0, 4.0))], shape)
    if d.chance(0.2) and len(shape) >= 2:
        d.transpose(y, d.perm(len(shape)))


@motif
def siblings(d: Draft) -> None:
    """Several products of one input."""
    v = d.some(rank=3)
    k = v.shape[-1]
    for _ in range(d.rng.randint(2, 3)):
        n = d.pick(2, 4)
        y = d.node("MatMul", [v.name, d.const(d.array("f", (k, n)))], (*v.shape[:-1], n))
        if d.chance(0.7):
            d.node("Add", [y.name, d.const(d.array("f", (n,)))], y.shape)


@motif
def gemm(d: Draft) -> None:
    """Gemm with and without C, alpha, beta, transposed operands, and an Add behind it."""
    v = d.some(rank=2)
    ta, tb = d.chance(0.3), d.chance(0.3)
    m, k = (v.shape[1], v.shape[0]) if ta else v.shape
    n = d.rng.randint(1, 4)
    inputs = [v.name, d.const(d.array("f", (n, k) if tb else (k, n)))]
    if d.opset < 11 or d.chance(0.7):
        inputs.append(d.const(d.array("f", d.pick((n,), (1, n), (m, 1), (1,)))))
    scales = {"alpha": d.pick(1.0, 0.5), "beta": d.pick(1.0, 2.0)}
    y = d.node("Gemm", inputs, (m, n), transA=int(ta), transB=int(tb), **scales)
    if d.chance(0.4):
        d.node("Add", [y.name, d.const(d.array("f", d.pick((n,), (m, n), ())))], (m, n))


@motif
def convolution(d: Draft) -> None:
    """Pad, Conv or ConvTranspose, BatchNormalization, arithmetic by channel, an activation."""
    v = d.some(rank=4)
    if 0 in v.shape:
        return
    if d.chance(0.3):
        v = d.pad(v, [0, 0, 1, 1, 0, 0, 1, d.pick(0, 1)], d.pick(0.0, 0.0, 1.0))
    if d.chance(0.15):
        v = batchnorm(d, v)
    c = v.shape[1]
    group = c if d.chance(0.2) else 1
    out = c if group > 1 else d.rng.randint(1, 4)
    kernel = d.pick(1, 3)
    pads = [kernel // 2] * 4
    bias = [d.const(d.array("f", (out,)))] if d.chance() else []
    up = d.chance(0.2)
    w = d.const(
        d.array("f", (c, out // group, kernel, kernel) if up else (out, c // group, kernel, kernel))
    )
    op = "ConvTranspose" if up else "Conv"
    y = d.node(
        op,
        [v.name, w, *bias],
        (v.shape[0], out, *v.shape[2:]),
        pads=pads,
        group=group,
        kernel_shape=[kernel] * 2,
    )
    for _ in range(d.rng.randint(0, 2)):
        how = d.rng.randrange(3)
        if how == 0:
            y = batchnorm(d, y)
        elif how == 1:
            op = d.pick("Mul", "Add", "Sub")
            by = d.const(d.array("f", d.pick((1, out, 1, 1), (out, 1, 1), (1,), ())))
            y = d.node(op, [by, y.name] if d.chance(0.3) else [y.name, by], y.shape)
        else:
            y = d.node("Relu", [y.name], y.shape)


def batchnorm(d: Draft, v: Value) -> Value:
    """Add a BatchNormalization in inference mode."""
    c = v.shape[1]
    variance = d.const(np.array([d.pick(0.25, 1.0, 4.0) for _ in range(c)], np.float32))
    scale, bias, mean = (d.const(d.array("f", (c,))) for _ in range(3))
    return d.node(
        "BatchNormalization", [v.name, scale, bias, mean, variance], v.shape, epsilon=2.0**-10
    )


@motif
def pool(d: Draft) -> None:
    """Pad in front of a pool, or a pool that does nothing."""
    v = d.some(rank=4)
    if 0 in v.shape:
        return
    if d.chance(0.5):
        v = d.pad(v, [0, 0, 1, 1, 0, 0, 1, 1], d.pick(0.0, -np.inf, 1.0))
    kernel = d.pick(1, 3)
    p = kernel // 2
    d.node(
        d.pick("MaxPool", "AveragePool"), [v.name], v.shape, kernel_shape=[kernel] * 2, pads=[p] * 4
    )


@motif
def layernorm(d: Draft) -> None:
    """LayerNormalization in its parts."""
    v = d.some(least=2)
    mean = d.reduce("ReduceMean", v, [-1], True)
    x = d.node("Sub", [v.name, mean.name], v.shape)
    if d.chance():
        square = d.node("Pow", [x.name, d.const(np.array(2.0, np.float32))], v.shape)
    else:
        square = d.node("Mul", [x.name, x.name], v.shape)
    var = d.reduce("ReduceMean", square, [-1], True)
    eps = d.node("Add", [var.name, d.number(0.5)], var.shape)
    root = d.node("Sqrt", [eps.name], var.shape)
    y = d.node("Div", [x.name, root.name], v.shape)
    for op in ("Mul", "Add"):
        if d.chance(0.8):
            y = d.node(op, [y.name, d.const(d.array("f", (v.shape[-1],)))], v.shape)


@motif
def gelu(d: Draft) -> None:
    """Gelu in its parts."""
    v = d.some(least=1)
    x = d.node("Div", [v.name, d.const(np.array(np.sqrt(2), np.float32))], v.shape)
    e = d.node("Erf", [x.name], v.shape)
    one = d.node("Add", [e.name, d.const(np.array(1, np.float32))], v.shape)
    half = d.const(np.array(0.5, np.float32))
    if d.chance():
        y = d.node("Mul", [v.name, one.name], v.shape)
        d.node("Mul", [y.name, half], v.shape)
    else:
        y = d.node("Mul", [v.name, half], v.shape)
        d.node("Mul", [y.name, one.name], v.shape)


@motif
def attention(d: Draft) -> None:
    """Scaled dot-product attention over a value of rank 3."""
    v = d.some(rank=3)
    b, s, h = v.shape
    heads, depth = d.pick((1, 2), (2, 2), (2, 3))
    width = heads * depth
    made = []
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1] if d.chance() else [0, 2, 1, 3], [0, 2, 1, 3]):
        y = d.node("MatMul", [v.name, d.const(d.array("f", (h, width)))], (b, s, width))
        if d.chance(0.7):
            y = d.node("Add", [y.name, d.const(d.array("f", (width,)))], y.shape)
        y = d.reshape(
            y, (b, s, heads, depth), d.pick(None, [0, 0, heads, depth], [0, -1, heads, depth])
        )
        made.append(d.transpose(y, perm))
    q, k, w = made
    if k.shape[-1] != s or k.shape[-2] != depth:
        k = d.transpose(k, [0, 1, 3, 2])
    scale = d.pick("q", "scores", "none")
    if scale == "q":
        q = d.node("Mul", [q.name, d.number(0.5)], q.shape)
    scores = d.node("MatMul", [q.name, k.name], (b, heads, s, s))
    if scale == "scores":
        scores = d.node("Div", [scores.name, d.number(2.0)], scores.shape)
    if d.chance():
        mask = d.const(d.array("f", d.pick((s, s), (1, 1, s, s), (b, 1, 1, s))))
        scores = d.node("Add", [scores.name, mask], scores.shape)
    p = d.node("Softmax", [scores.name], scores.shape, axis=-1 if d.opset >= 13 else 3)
    c = d.node("MatMul", [p.name, w.name], (b, heads, s, depth))
    c = d.transpose(c, [0, 2, 1, 3])
    d.reshape(c, (b, s, width), d.pick(None, [0, 0, -1]))


@motif
def einsum(d: Draft) -> None:
    """Einsum of a product, a sum, a transposition."""
    if d.opset < 12:
        return
    v = d.some(rank=3)
    b, i, j = v.shape
    k = d.rng.randint(1, 3)
    equation, other, shape = d.pick(
        ("bij,bkj->bik", (b, k, j), (b, i, k)),
        ("bij,jk->bik", (j, k), (b, i, k)),
        ("bij->bji", None, (b, j, i)),
        ("bij->bi", None, (b, i)),
        ("bij,bij->b", (b, i, j), (b,)),
    )
    inputs = [v.name, *([d.const(d.array("f", other))] if other else [])]
    d.node("Einsum", inputs, shape, equation=equation)


@motif
def dropout(d: Draft) -> None:
    """Dropout outside of training."""
    v = d.some()
    d.node("Dropout", [v.name], v.shape, outputs=d.pick(1, 2))


@motif
def pads(d: Draft) -> None:
    """Pad of Pad."""
    v = d.some(least=1)
    value = float(d.rng.randint(-1, 1))
    for _ in range(d.rng.randint(1, 2)):
        v = d.pad(
            v, [d.rng.randint(0, 1) for _ in range(2 * v.rank)], value if d.chance(0.8) else 0.0
        )


@motif
def shapes_of_results(d: Draft) -> None:
    """Shape of what an elementwise operator gives, in arithmetic on floats."""
    v = d.some(least=1)
    r = d.node("Relu", [v.name], v.shape)
    s = d.node("Shape", [r.name], (v.rank,), "i")
    d.node("Cast", [s.name], (v.rank,), to=1)

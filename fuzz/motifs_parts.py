"""More motifs: pieces, sequences, Transposes through products, Einsum, norms, masks, integers, other types."""

from __future__ import annotations

import itertools

import numpy as np
from onnx import helper

from motifs import motif
from values import DTYPES, Draft, Value


@motif
def pieces(d: Draft) -> None:
    """Several parts of one value, glued in order or not, some of them used twice."""
    v = d.some(least=1)
    axis = d.rng.randrange(v.rank)
    n = v.shape[axis]
    if n < 2 or d.opset < 10:
        return
    cuts = sorted({0, n, *(d.rng.randint(0, n) for _ in range(2))})
    sizes = [b - a for a, b in itertools.pairwise(cuts)]
    parts = [] if d.chance() else d.split(v, axis, sizes)
    parts = parts or [d.slice(v, axis, a, b) for a, b in itertools.pairwise(cuts)]
    if d.chance(0.3):
        i = d.rng.randrange(len(parts))
        parts[i] = d.node("Neg", [parts[i].name], parts[i].shape)
    if d.chance(0.3):
        parts.append(d.pick(*parts))
    if d.chance(0.2):
        d.rng.shuffle(parts)
    taken = parts[d.rng.randint(0, 1) :]
    if not taken:
        return
    shape = [*v.shape[:axis], sum(p.shape[axis] for p in taken), *v.shape[axis + 1 :]]
    c = d.node("Concat", [p.name for p in taken], shape, axis=axis)
    if d.chance():
        at = d.rng.randint(0, shape[axis] - 1)
        d.slice(c, axis, at, d.rng.randint(at + 1, shape[axis]))


@motif
def nothing_left(d: Draft) -> None:
    """Values without elements: summed, joined, reshaped, transposed."""
    v = d.some(least=1, most=3)
    axis = d.rng.randrange(v.rank)
    if d.opset < 10:
        return
    empty = d.slice(v, axis, 0, 0)
    how = d.rng.randrange(5)
    if how == 0:
        d.reduce("ReduceSum", empty, [d.rng.randrange(v.rank)], d.chance())
    elif how == 1:
        d.node("Concat", d.rng.sample([v.name, empty.name], 2), v.shape, axis=axis)
    elif how == 2:
        d.transpose(empty, d.perm(v.rank))
    elif how == 3:
        d.node("Relu", [empty.name], empty.shape)
    else:
        d.node("Shape", [empty.name], (v.rank,), "i")


@motif
def resampling(d: Draft) -> None:
    """Resize by one, pools of one element, global pools as means."""
    v = d.some(rank=4)
    if 0 in v.shape:
        return
    how = d.rng.randrange(4)
    if how == 0 and d.opset >= 11:
        factor = d.pick(1, 2)
        scales = d.const(np.array([1, 1, factor, 1], np.float32))
        empty = d.const(np.zeros((0,), np.float32))
        shape = [*v.shape[:2], v.shape[2] * factor, v.shape[3]]
        d.node("Resize", [v.name, empty, scales], shape, mode=d.pick("nearest", "linear"))
    elif how == 1:
        d.node(d.pick("MaxPool", "AveragePool", "LpPool"), [v.name], v.shape, kernel_shape=[1, 1])
    elif how == 2:
        op = d.pick("GlobalAveragePool", "GlobalMaxPool")
        d.node(op, [v.name], (*v.shape[:2], 1, 1))
    else:
        m = d.reduce(d.pick("ReduceMean", "ReduceMax"), v, [2, 3], d.chance())
        if m.rank == 4:
            d.node("Flatten", [m.name], m.shape[:2])


@motif
def sequences(d: Draft) -> None:
    """Make a sequence of values, and take one of them or join all."""
    v = d.some(least=1, most=3)
    if d.opset < 11:
        return
    like = [b for b in d.pool if b.kind == "f" and b.shape == v.shape]
    parts = [v, *(d.pick(*like) for _ in range(d.rng.randint(0, 2)))]
    name = f"{d.prefix}{len(d.nodes)}q"
    d.nodes.append(helper.make_node("SequenceConstruct", [p.name for p in parts], [name]))
    if d.chance(0.3):
        at = d.rng.randrange(len(parts))
        parts.insert(at, v)
        index, after = d.const(np.array(at, np.int64)), f"{d.prefix}{len(d.nodes)}q"
        d.nodes.append(helper.make_node("SequenceInsert", [name, v.name, index], [after]))
        name = after
    how = d.rng.randrange(3)
    if how == 0:
        at = d.rng.randrange(-len(parts), len(parts))
        d.node("SequenceAt", [name, d.const(np.array(at, np.int64))], v.shape)
    elif how == 1:
        axis = d.rng.randrange(v.rank)
        shape = list(v.shape)
        shape[axis] *= len(parts)
        d.node("ConcatFromSequence", [name], shape, axis=axis)
    else:
        axis = d.rng.randint(0, v.rank)
        shape = [*v.shape[:axis], len(parts), *v.shape[axis:]]
        d.node("ConcatFromSequence", [name], shape, axis=axis, new_axis=1)


@motif
def turned(d: Draft) -> None:
    """Put a Transpose, an operator that has to follow it, and perhaps the way back."""
    v = d.some(least=2, most=4)
    perm = d.perm(v.rank)
    t = d.transpose(v, perm)
    how = d.rng.randrange(7)
    if how == 0:
        y = matmul_of(d, t)
    elif how == 1:
        y = d.reduce("ReduceSum", t, [d.axis(t.rank)], d.chance())
    elif how == 2:
        y = d.pad(t, [d.rng.randint(0, 1) for _ in range(2 * t.rank)])
    elif how == 3 and d.opset >= 10:
        axis = d.rng.randrange(t.rank)
        y = d.slice(t, axis, 0, max(1, t.shape[axis] - 1))
    elif how == 4 and d.opset >= 11:
        indices = d.const(np.zeros(t.shape, np.int64))
        y = d.node("GatherElements", [t.name, indices], t.shape, axis=d.axis(t.rank))
    elif how == 5:
        c = d.const(d.array("f", tuple(n if d.chance() else 1 for n in t.shape)))
        y = d.node("Add", [c, t.name], t.shape)
    else:
        y = d.node(
            "ArgMax", [t.name], [1 if i == 0 else n for i, n in enumerate(t.shape)], "i", axis=0
        )
        d.transpose(y, d.perm(t.rank))
        return
    if d.chance(0.7):
        back = [perm.index(i) for i in range(len(perm))] if y.rank == v.rank else d.perm(y.rank)
        d.transpose(y, back)


def matmul_of(d: Draft, t: Value) -> Value:
    """Multiply by a weight, or by a value that fits."""
    n = d.rng.randint(1, 3)
    if d.chance():
        return d.node(
            "MatMul", [t.name, d.const(d.array("f", (t.shape[-1], n)))], (*t.shape[:-1], n)
        )
    w = d.const(d.array("f", (n, t.shape[-2])))
    return d.node("MatMul", [w, t.name], (*t.shape[:-2], n, t.shape[-1]))


@motif
def equations(d: Draft) -> None:
    """Einsum in more forms: outer products, sums, an ellipsis, three operands, one repeated."""
    if d.opset < 12:
        return
    v = d.some(rank=3)
    b, i, j = v.shape
    k = d.rng.randint(1, 3)
    equation, others, shape = d.pick(
        ("...ij,...jk->...ik", [(b, j, k)], (b, i, k)),
        ("...i,i->...", [(j,)], (b, i)),
        ("bij,bjk->bki", [(b, j, k)], (b, k, i)),
        ("bij,kj->kbi", [(k, j)], (k, b, i)),
        ("bij,bij->bij", [(b, i, j)], (b, i, j)),
        ("bij,k->bijk", [(k,)], (b, i, j, k)),
        ("bij->", [], ()),
        ("bij,bik->jk", [(b, i, k)], (j, k)),
        ("bij,jk,bk->bi", [(j, k), (b, k)], (b, i)),
        ("bij,bj", [(b, j)], (i,)),
        ("bij,bkj->bijk", [(b, k, j)], (b, i, j, k)),
        ("bij,cj->bci", [(k, j)], (b, k, i)),
    )
    d.node(
        "Einsum", [v.name, *(d.const(d.array("f", o)) for o in others)], shape, equation=equation
    )


@motif
def rmsnorm(d: Draft) -> None:
    """RMSNormalization in its parts."""
    v = d.some(least=2)
    if d.chance():
        square = d.node("Pow", [v.name, d.const(np.array(2.0, np.float32))], v.shape)
    else:
        square = d.node("Mul", [v.name, v.name], v.shape)
    mean = d.reduce("ReduceMean", square, [-1], True)
    eps = d.number(0.5)
    root = d.node("Add", [mean.name, eps] if d.chance() else [eps, mean.name], mean.shape)
    root = d.node("Sqrt", [root.name], mean.shape)
    if d.chance():
        y = d.node("Div", [v.name, root.name], v.shape)
    else:
        if d.chance():
            inverse = d.node("Reciprocal", [root.name], mean.shape)
        else:
            inverse = d.node("Div", [d.const(np.array(1, np.float32)), root.name], mean.shape)
        y = d.node("Mul", d.rng.sample([v.name, inverse.name], 2), v.shape)
    if d.chance(0.8):
        c = d.const(d.array("f", (v.shape[-1],)))
        d.node("Mul", d.rng.sample([y.name, c], 2), v.shape)


@motif
def rotary(d: Draft) -> None:
    """Rotary position embedding: halves or neighbours turned."""
    b, s, h, n = d.pick((1, 2, 2, 4), (2, 3, 1, 2), (2, 3, 2, 6))
    if d.opset < 10:
        return
    v = d.input("f", (b, h, s, n))
    shape = d.pick((s, n), (1, 1, s, n))
    cos, sin = (d.const(d.array("f", shape)) for _ in range(2))
    half = n // 2
    if d.chance():
        x1, x2 = d.split(v, 3, [half, half])
    else:
        x1, x2 = d.slice(v, 3, 0, half), d.slice(v, 3, half, d.pick(n, 2**40))
    minus = d.node("Neg", [d.pick(x2, x2, x1).name], x2.shape)
    turned_ = d.node("Concat", [minus.name, x1.name], v.shape, axis=d.pick(3, -1))
    a = d.node("Mul", [v.name, cos], v.shape)
    c = d.node("Mul", d.rng.sample([turned_.name, sin], 2), v.shape)
    d.node("Add", d.rng.sample([a.name, c.name], 2), v.shape)


@motif
def masks(d: Draft) -> None:
    """Put a mask from ids or positions, as a bias or in a Where, in front of a Softmax."""
    v = d.some(rank=3)
    b, s, _ = v.shape
    scores = d.node("MatMul", [v.name, d.transpose(v, [0, 2, 1]).name], (b, s, s))
    for _ in range(d.rng.randint(1, 2)):
        if d.chance():
            ids = d.input("i", (b, s))
            keep = d.node("Cast", [ids.name], (b, s), "b", to=9)
            keep = d.unsqueeze(keep, [1])
        else:
            line = d.const(np.arange(s))
            column = d.const(np.arange(s).reshape(s, 1))
            op = d.pick("Greater", "Less") if d.opset >= 9 else "Less"
            keep = d.node(op, [line, column], (s, s), "b")
            if d.chance():
                keep = d.node("Not", [keep.name], (s, s), "b")
        low = d.const(np.array(d.pick(-1000.0, -1e9), np.float32))
        shape = np.broadcast_shapes(scores.shape, keep.shape)
        if d.chance():
            zero = d.const(np.array(0, np.float32))
            bias = d.node("Where", [keep.name, zero, low], keep.shape)
            scores = d.node("Add", d.rng.sample([scores.name, bias.name], 2), shape)
        elif d.chance():
            scores = d.node("Where", [keep.name, scores.name, low], shape)
        else:
            f = d.node("Cast", [keep.name], keep.shape, to=1)
            f = d.node("Sub", [d.const(np.array(1, np.float32)), f.name], keep.shape)
            f = d.node("Mul", [f.name, low], keep.shape)
            scores = d.node("Add", [scores.name, f.name], shape)
    p = d.node("Softmax", [scores.name], scores.shape, axis=-1 if d.opset >= 13 else 2)
    if d.chance(0.3):
        bad = d.node("IsNaN", [p.name], p.shape, "b")
        p = d.node("Where", [bad.name, d.const(np.array(0, np.float32)), p.name], p.shape)
    d.node("MatMul", [p.name, v.name], v.shape)


@motif
def integers(d: Draft) -> None:
    """Integers: arithmetic by constants, the same from itself, the largest, as indices."""
    v = d.some("i", least=1, most=3) if d.chance() else d.input("i", d.shape())
    if d.opset < 14:
        return
    for _ in range(d.rng.randint(1, 3)):
        how = d.rng.randrange(6)
        if how == 0:
            v = d.node("Sub", [v.name, d.pick(v.name, d.ints(1))], v.shape, "i")
        elif how == 1:
            c = d.const(np.array(d.pick(-2, -1, 0, 1, 3), np.int64))
            v = d.node(d.pick("Add", "Mul"), d.rng.sample([v.name, c], 2), v.shape, "i")
        elif how == 2:
            v = d.node(
                "Div", [v.name, d.const(np.array(d.pick(-2, -1, 1, 3), np.int64))], v.shape, "i"
            )
        elif how == 3:
            v = d.node(d.pick("Neg", "Abs", "Sign"), [v.name], v.shape, "i")
        elif how == 4:
            v = d.node(
                d.pick("Max", "Min"),
                [v.name, d.const(np.array(d.pick(-1, 0, 2), np.int64))],
                v.shape,
                "i",
            )
        else:
            low, high = sorted(d.rng.sample(range(-4, 5), 2))
            bounds = [d.const(np.array(x, np.int64)) for x in (low, high)]
            v = d.node("Clip", [v.name, *bounds], v.shape, "i")


@motif
def logic(d: Draft) -> None:
    """Comparisons, either way round, and what is made of them."""
    a = d.some()
    b = d.pick(*(b for b in d.pool if b.kind == "f" and d.broadcast(a, b) is not None))
    shape = d.broadcast(a, b)
    one = d.node("Greater", [a.name, b.name], shape, "b")
    other = d.node("Less", d.rng.sample([a.name, b.name], 2), shape, "b")
    if d.opset >= 12 and d.chance():
        one = d.node("GreaterOrEqual", [a.name, b.name], shape, "b")
    if d.opset >= 12 and d.chance():
        other = d.node("LessOrEqual", d.rng.sample([a.name, b.name], 2), shape, "b")
    for v in (one, other):
        if d.chance(0.3):
            d.node("Not", [d.node("Not", [v.name], shape, "b").name], shape, "b")
    both = d.node(d.pick("And", "Or", "Xor"), [one.name, other.name], shape, "b")
    if d.chance(0.4):
        both = d.node("Not", [both.name], shape, "b")
    d.node("Where", [both.name, a.name, b.name], shape)


@motif
def other_types(d: Draft) -> None:
    """Compute a stretch in another float type."""
    v = d.some(least=1)
    short = d.pick("d", "h")
    to, kind = DTYPES[short]
    v = d.node(
        "Floor", [v.name], v.shape
    )  # ONNX Runtime drops casts to half floats and back: nothing may round
    v = d.node("Cast", [v.name], v.shape, short, to=to)
    for _ in range(d.rng.randint(1, 4)):
        how = d.rng.randrange(4)
        c = d.const(np.array(d.pick(0.5, 1.0, 2.0, 0.0, -1.0), kind))
        if how == 0:
            v = d.node(d.pick("Add", "Mul", "Sub"), [v.name, c], v.shape, short)
        elif how == 1:
            v = d.node(d.pick("Relu", "Neg", "Abs", "Identity"), [v.name], v.shape, short)
        elif how == 2 and v.rank >= 2:
            v = d.transpose(v, d.perm(v.rank))
        elif d.opset >= 12:
            v = d.node(
                "Clip",
                [v.name, d.const(np.array(-1, kind)), d.const(np.array(2, kind))],
                v.shape,
                short,
            )
    d.node("Cast", [v.name], v.shape, to=1)


@motif
def neutral(d: Draft) -> None:
    """Do nothing because of a number, or nearly."""
    v = d.some(least=1)
    how = d.rng.randrange(5)
    if how == 0:
        d.node("LeakyRelu", [v.name], v.shape, alpha=d.pick(1.0, 0.5))
    elif how == 1 and d.opset >= 11:
        y = d.node("Clip", [v.name], v.shape)
        d.node("Relu", [y.name], v.shape)
    elif how == 2:
        axis = d.rng.randrange(v.rank)
        shape = [1 if i == axis else n for i, n in enumerate(v.shape)]
        if v.shape[axis]:
            y = d.node(d.pick("ArgMax", "ArgMin"), [v.name], shape, "i", axis=axis)
            d.node("Cast", [y.name], shape, to=1)
    elif how == 3 and d.opset >= 10:
        pads = [d.rng.randint(0, 2) for _ in range(2 * v.rank)]
        y = d.pad(v, pads, float(d.rng.randint(0, 1)))
        for axis in range(v.rank):
            extra = d.pick(0, 0, 0, 1)
            y = d.slice(y, axis, pads[axis], pads[axis] + v.shape[axis] + extra)
    else:
        z = d.pick(*(b for b in d.pool if b.kind == "f" and d.broadcast(v, b) is not None))
        shape = d.broadcast(v, z)
        op = d.pick("Add", "Mul")
        y = d.node(op, [v.name, d.const(d.array("f", v.shape[-1:]))], v.shape)
        y = d.node(op, d.rng.sample([y.name, z.name], 2), shape)
        d.node(op, [y.name, d.const(d.array("f", d.pick((), shape[-1:])))], shape)

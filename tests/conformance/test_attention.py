"""Attention and rotary embeddings in random spellings: recognised, with ONNX Runtime's results.

Drawn at random: heads as inputs or made of columns, one projection or three, grouped queries, where the scale stands
and whether it is split, masks that are added or filled in, soft capping, float16 with Softmax in float, how halves
are cut and turned, and whether the result's heads are put side by side again.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto, helper

import numeric
from builder import Builder, compare

MODELS = 240
PER_TEST = 40
LOWEST = float(np.finfo(np.float32).min)


class Core:
    """The sizes of an attention core, and its model under construction."""

    def __init__(self, seed: int) -> None:
        b = self.b = Builder(seed, 0)
        b.opset = b.pick(23, 24)
        self.dtype = b.pick(np.float32, np.float32, np.float32, np.float16)
        self.batch, self.queries = b.pick(1, 2), b.pick(2, 3)
        self.groups, self.repeat = b.pick(1, 2), b.pick(1, 1, 2)
        self.depth, self.value_depth = b.pick(4, 8), b.pick(4, 6)
        self.fused = b.pick(None, None, "heads", "gather", "columns")
        if self.fused == "gather":
            self.repeat = 1
        if self.fused in ("heads", "gather"):
            self.value_depth = self.depth
        self.keys = self.queries if self.fused else b.pick(self.queries, 5)
        self.heads = self.groups * self.repeat
        self.flat = bool(self.fused) or b.chance(0.7)
        self.merged = b.chance(0.3)

    def input(self, *shape: int) -> str:
        values = self.b.rng.standard_normal(shape).astype(self.dtype)
        return self.b.input(values, list(shape))

    def number(self, value: float) -> str:
        return self.b.number(value, self.dtype)

    def reshape(self, x: str, *dims: int) -> str:
        dims = list(dims)
        if self.b.chance(0.3) and len(dims) > 3 and not self.merged:
            dims[0] = 0
        if self.b.chance(0.3):
            dims[int(self.b.rng.integers(1, len(dims)))] = -1
        return self.b.node("Reshape", x, self.b.const(dims, np.int64))

    def split(self, x: str, axis: int, sizes: list[int]) -> list[str]:
        names = [f"s{len(self.b.nodes)}_{i}" for i in range(len(sizes))]
        self.b.node("Split", x, self.b.const(sizes, np.int64), outputs=names, axis=axis)
        return names

    def apart(self, x: str, length: int, heads: int, depth: int) -> str:
        """Make heads out of columns."""
        x = self.reshape(x, self.batch, length, heads, depth)
        return self.b.node("Transpose", x, perm=[0, 2, 1, 3])

    def operands(self) -> tuple[str, str, str]:
        """Q, K and V as [batch, heads, length, depth]."""
        b, n, s, k, d, e = (
            self.b,
            self.batch,
            self.queries,
            self.keys,
            self.depth,
            self.value_depth,
        )
        h, g = self.heads, self.groups
        if self.fused == "heads":
            x = self.apart(self.input(n, s, (h + 2 * g) * d), s, h + 2 * g, d)
            return tuple(self.split(x, b.pick(1, -3), [h, g, g]))
        if self.fused == "gather":
            x = self.reshape(self.input(n, s, 3 * h * d), n, s, 3, h, d)
            x = b.node("Transpose", x, perm=[2, 0, 3, 1, 4])
            return tuple(b.node("Gather", x, b.const(i, np.int64), axis=0) for i in range(3))
        if self.fused == "columns":
            x = self.input(n, s, h * d + g * d + g * e)
            q, key, v = self.split(x, b.pick(2, -1), [h * d, g * d, g * e])
        elif self.flat:
            q, key, v = self.input(n, s, h * d), self.input(n, k, g * d), self.input(n, k, g * e)
        else:
            return self.input(n, h, s, d), self.input(n, g, k, d), self.input(n, g, k, e)
        return self.apart(q, s, h, d), self.apart(key, k, g, d), self.apart(v, k, g, e)

    def repeated(self, x: str, depth: int) -> str:
        """Repeat each head of K or V for the queries of its group."""
        b = self.b
        if self.repeat == 1:
            return x
        n, g, k = self.batch, self.groups, self.keys
        x = b.node("Unsqueeze", x, b.const([b.pick(2, -3)], np.int64))
        if b.chance():
            x = b.node("Expand", x, b.const([n, g, self.repeat, k, depth], np.int64))
        else:
            x = b.node("Tile", x, b.const([1, 1, self.repeat, 1, 1], np.int64))
        return self.reshape(x, n, self.heads, k, depth)

    def scaled(self, x: str, factor: float) -> str:
        """Multiply, or divide by the inverse."""
        if self.b.chance(0.4):
            return self.b.node("Div", x, self.number(1 / factor))
        return self.b.either("Mul", x, self.number(factor))

    def drawn_scale(self) -> float:
        return self.b.pick(1 / math.sqrt(self.depth), 0.25)

    def scores(self, q: str, key: str) -> str:
        """Q * K^T, scaled somewhere."""
        b, scale = self.b, self.drawn_scale()
        where = b.pick("none", "q", "k", "both", "behind")
        if where in ("q", "both"):
            q = self.scaled(q, math.sqrt(scale) if where == "both" else scale)
        early = where == "k" and b.chance()
        if early:
            key = self.scaled(key, scale)
        key = b.node("Transpose", key, perm=[0, 2, 1] if self.merged else [0, 1, 3, 2])
        if where == "both" or (where == "k" and not early):
            key = self.scaled(key, math.sqrt(scale) if where == "both" else scale)
        s = b.node("MatMul", q, key)
        return self.scaled(s, scale) if where == "behind" else s

    def capped(self, s: str) -> str:
        s = self.scaled(s, 0.18)
        return self.scaled(self.b.node("Tanh", s), 5.0)

    def masked(self, s: str) -> str:
        """Add a mask, or fill it in."""
        b, n, h = self.b, self.batch, self.heads
        kind = b.pick("none", "pad", "bias", "triangle", "filled", "triangle added", "integer")
        shape = b.pick(
            (self.queries, self.keys),
            (n, 1, 1, self.keys),
            (n, 1, self.queries, self.keys),
            (h, self.queries, self.keys),
            (1, h, self.queries, 1),
            (self.keys,),
        )
        kept = b.rng.random(shape) < 0.7
        if self.dtype == np.float16:  # ONNX Runtime adds in float what the model adds in float16
            kept[..., 0] = True
        triangle = np.tril(np.ones((self.queries, self.keys), bool))
        if kind == "none":
            return s
        if kind == "bias":
            return b.either("Add", s, b.const(b.rng.standard_normal(shape), self.dtype))
        if kind == "pad":
            fill = b.pick(-1e4, LOWEST if self.dtype == np.float32 else -1e4)
            mask = b.input(kept, list(shape))
            mask = b.node("Where", mask, self.number(0), self.number(fill))
            return b.either("Add", s, mask)
        if kind == "integer":
            mask = b.input(kept.astype(np.int64), list(shape))
            mask = b.node("Cast", mask, to=helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))
            if self.dtype == np.float16:
                return s
            mask = b.either("Mul", b.node("Sub", self.number(1), mask), self.number(-1e4))
            return b.either("Add", s, mask)
        kept = triangle if kind.startswith("triangle") else kept
        kept[..., 0] = True
        if kind == "triangle added":
            return b.either("Add", s, b.const(np.where(kept, 0, -np.inf), self.dtype))
        if b.chance():
            return b.node("Where", b.const(kept, bool), s, self.number(-np.inf))
        return b.node("Where", b.const(~kept, bool), self.number(-np.inf), s)

    def softmax(self, s: str) -> str:
        b, wide = self.b, self.dtype == np.float16 and self.b.chance()
        s = b.node("Cast", s, to=TensorProto.FLOAT) if wide else s
        w = b.node("Softmax", s, axis=b.pick(-1, 3))
        return b.node("Cast", w, to=TensorProto.FLOAT16) if wide else w

    def result(self, y: str) -> tuple[str, int]:
        """Put the heads side by side, perhaps; also gives the rank."""
        if not self.flat or self.b.chance(0.2):
            return y, 4
        y = self.b.node("Transpose", y, perm=[0, 2, 1, 3])
        columns = self.heads * self.value_depth
        return self.reshape(y, self.batch, self.queries, columns), 3


class Rotary:
    """How an exporter writes a rotary embedding; the same for Q and K."""

    def __init__(self, core: Core) -> None:
        self.core, b = core, core.b
        self.count = b.pick(core.depth, core.depth, core.depth // 2)
        self.form = b.pick("halves", "parts", "neighbours")
        shape = (core.batch, core.queries, self.count // 2)
        angles = b.input(b.rng.standard_normal(shape).astype(core.dtype), list(shape))
        if self.form == "halves":
            angles = b.node("Concat", angles, angles, axis=b.pick(-1, 2))
        one = b.const([1], np.int64)
        self.cos, self.sin = (b.node("Unsqueeze", b.node(op, angles), one) for op in ("Cos", "Sin"))

    def cut(self, x: str, start: int, stop: int, step: int = 1) -> str:
        ints = ([start], [stop], [self.core.b.pick(3, -1)], [step])
        given = [self.core.b.const(i, np.int64) for i in ints]
        return self.core.b.node("Slice", x, *given[: 3 if step == 1 else 4])

    def turned(self, x: str) -> str:
        """Rotate what is rotated at all."""
        b, half = self.core.b, self.count // 2
        if self.form == "neighbours":
            first, second = self.cut(x, 0, self.count, 2), self.cut(x, 1, self.count, 2)
        elif b.chance():
            first, second = self.core.split(x, b.pick(3, -1), [half, half])
        else:
            first, second = self.cut(x, 0, half), self.cut(x, half, b.pick(self.count, 1 << 40))
        if self.form == "halves":
            turned = b.node("Concat", b.node("Neg", second), first, axis=-1)
            return b.either("Add", b.either("Mul", x, self.cos), b.either("Mul", turned, self.sin))
        real = b.node("Sub", b.either("Mul", first, self.cos), b.either("Mul", second, self.sin))
        imaginary = b.either(
            "Add", b.either("Mul", first, self.sin), b.either("Mul", second, self.cos)
        )
        if self.form == "parts":
            return b.node("Concat", real, imaginary, axis=3)
        last = b.const([-1], np.int64)
        pairs = [b.node("Unsqueeze", v, last) for v in (real, imaginary)]
        pairs = b.node("Concat", *pairs, axis=-1)
        return b.node("Reshape", pairs, b.const([0, 0, 0, self.count], np.int64))

    def __call__(self, x: str) -> str:
        """Rotate; what is behind the rotated elements follows."""
        if self.count == self.core.depth:
            return self.turned(x)
        rest = self.core.depth - self.count
        if self.core.b.chance():
            x, further = self.core.split(x, -1, [self.count, rest])
        else:
            x, further = self.cut(x, 0, self.count), self.cut(x, self.count, self.core.depth)
        return self.core.b.node("Concat", self.turned(x), further, axis=-1)


def attention_model(seed: int, rotates: bool) -> tuple[Core, str, int]:
    core = Core(seed)
    if rotates:
        core.keys = core.queries
    q, key, v = core.operands()
    if rotates:
        rotary = Rotary(core)
        q, key = rotary(q), rotary(key)
    key, v = core.repeated(key, core.depth), core.repeated(v, core.value_depth)
    n, h, q_length, k_length = core.batch, core.heads, core.queries, core.keys
    if core.merged:  # batch and heads are one axis of the products
        q = core.reshape(q, n * h, q_length, core.depth)
        key = core.reshape(key, n * h, k_length, core.depth)
        v = core.reshape(v, n * h, k_length, core.value_depth)
    s = core.scores(q, key)
    s = core.capped(s) if core.b.chance(0.2) else s
    if core.merged:
        s = core.reshape(s, n, h, q_length, k_length)
    w = core.softmax(core.masked(s))
    if core.merged:
        w = core.reshape(w, n * h, q_length, k_length)
    y = core.b.node("MatMul", w, v)
    if core.merged:
        y = core.reshape(y, n, h, q_length, core.value_depth)
    y, rank = core.result(y)
    return core, y, rank


@pytest.mark.parametrize("first", range(0, MODELS, PER_TEST), ids=lambda n: f"from{n}")
@pytest.mark.parametrize("rotates", [False, True], ids=["plain", "rotary"])
@pytest.mark.parametrize(
    "flags", [["--passes=fuse_rotary,fuse_attention"], []], ids=["alone", "all"]
)
def test_attention(tool, tmp_path, first, rotates, flags):
    for seed in range(first, first + PER_TEST):
        core, y, rank = attention_model(seed, rotates)
        outputs = [(y, helper.np_dtype_to_tensor_dtype(np.dtype(core.dtype)))]
        tolerance = 1e-5 if core.dtype == np.float32 else 2e-2
        left, remarks = compare(tool, tmp_path, core.b, outputs, rank, flags, tolerance)
        where = f"seed {seed}: {left} {remarks}"
        assert left.count("Attention") == 1, where
        assert left.count("RotaryEmbedding") == 2 * rotates, where
        assert not set(left) & {"MatMul", "Softmax", "Tanh", "Neg"}, where
        arithmetic = {"Add", "Mul", "Div", "Transpose", "Reshape"}
        if core.flat and rank == 3 and not rotates:
            assert len([n for n in left if n in arithmetic - {"Mul"}]) <= 1, where


# --- what ONNX Runtime's kernel takes, and what the rules build for it --------------------


def kernel(q, key, v, mask=None, **attributes) -> np.ndarray:
    """Run the operator alone."""
    given = {"q": q, "k": key, "v": v} | ({} if mask is None else {"m": mask})
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in given.items()
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("Attention", list(given), ["y"], **attributes)
    graph = helper.make_graph([node], "g", infos, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)
    return numeric.run(numeric.session(model.SerializeToString(), "off", threads=1), given)[0]


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("fill", "zero"),
    [
        (LOWEST, True),
        (-np.inf, True),
        (float(np.nextafter(np.float32(LOWEST), np.float32(0))), False),
    ],
)
def test_rows_masked_altogether(fill, zero):
    """The lowest number counts as masked, the next one does not: `bias_raise` builds on it."""
    v = some(1, 1, 3, 4)
    mask = np.full((2, 3), fill, np.float32)
    y = kernel(some(1, 1, 2, 8), some(1, 1, 3, 8), v, mask)
    wanted = 0 if zero else v.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(y, np.broadcast_to(wanted, y.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "queries", "shape", "attributes"),
    [
        (2, 3, (2, 1, 1, 5), {}),
        (2, 3, (3, 1), {}),
        (2, 3, (5,), {}),
        (0, 3, None, {}),
        (2, 0, None, {}),
        (2, 3, None, {"scale": -1.0}),
    ],
    ids=["one query", "one key", "rank 1", "no batch", "no query", "negative scale"],
)
def test_what_the_kernel_refuses(batch, queries, shape, attributes):
    """If it takes these one day, rules may refuse less and build less."""
    mask = None if shape is None else np.zeros(shape, np.float32)
    operands = some(batch, 4, queries, 8), some(batch, 4, 5, 8), some(batch, 4, 5, 8)
    with pytest.raises(Exception, match="ttention"):
        kernel(*operands, mask, **attributes)

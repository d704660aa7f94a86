"""Normalisations, Gelu and Einsum in random spellings: recognised or taken apart, with ONNX Runtime's results.

Every choice that an exporter makes is drawn at random: products for powers, operands exchanged, factors associated in
any way, Casts around the normalisation, axes as attribute or input; and any equation without a diagonal for Einsum.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import numeric
from builder import Builder, compare

MODELS = 240
PER_TEST = 40
LETTERS = "abcdXY"


def seeds(offset: int):
    """Number the models; a test takes some of them."""
    return pytest.mark.parametrize(
        "first", range(offset, offset + MODELS, PER_TEST), ids=lambda n: f"from{n}"
    )


# --- normalisation -----------------------------------------------------------------------


def mean(b: Builder, x: str, axes: list[int]) -> str:
    if b.opset >= 18:
        return b.node("ReduceMean", x, b.const(axes, np.int64))
    return b.node("ReduceMean", x, axes=axes)


def normalised(b: Builder, x: str, shape: list[int], centred: bool, dtype) -> str:
    """Write x / sqrt(mean(x ^ 2) + epsilon), of x - mean(x) if centred."""
    count = int(b.rng.integers(1, len(shape)))
    axes = [len(shape) - 1 - i - (len(shape) if b.chance() else 0) for i in range(count)]

    def centre() -> str:
        return b.node("Sub", x, mean(b, x, axes)) if centred else x

    d = centre()
    other = centre() if b.chance(0.3) else d
    square = b.node("Mul", other, other) if b.chance() else None
    square = square or b.node("Pow", other, b.number(2, dtype))
    e = b.either("Add", mean(b, square, axes), b.number(1e-2, dtype))
    form = b.pick("div", "reciprocal", "one", "power", "root")
    if form == "power":
        return b.either("Mul", d, b.node("Pow", e, b.number(-0.5, dtype)))
    root = b.node("Pow", e, b.number(0.5, dtype)) if form == "root" else b.node("Sqrt", e)
    if form in ("div", "root"):
        return b.node("Div", d, root)
    inverse = b.node("Reciprocal", root) if form == "reciprocal" else None
    return b.either("Mul", d, inverse or b.node("Div", b.number(1, dtype), root))


def norm_model(seed: int, centred: bool) -> tuple[Builder, str, int, type, set[str]]:
    """Build a normalisation; also tells which operators shall be left of it."""
    b = Builder(seed, 0)
    b.opset = b.pick(17, 18, 20, 23) if centred else 23
    dtype = b.pick(np.float32, np.float32, np.float16)
    stash = b.pick(None, np.float32, np.float64) if dtype == np.float16 else None
    shape = [int(b.rng.integers(2, 6)) for _ in range(int(b.rng.integers(2, 5)))]
    dims = ["N", *shape[1:]]
    x = b.input(b.rng.standard_normal(shape).astype(dtype), dims)
    wide = helper.np_dtype_to_tensor_dtype(np.dtype(stash)) if stash else None
    v = b.node("Cast", x, to=wide) if stash else x
    axes_from = len(b.nodes)
    v = normalised(b, v, shape, centred, stash or dtype)
    reduce = next(n for n in b.nodes[axes_from:] if n.op_type == "ReduceMean")
    count = len(axes_of(b, reduce))
    if stash:
        v = b.node("Cast", v, to=TensorProto.FLOAT16)
    inner = shape[len(shape) - count :]
    if b.chance(0.8):
        v = b.either("Mul", v, b.const(b.rng.standard_normal(inner), dtype))
    if centred and b.chance(0.7):
        v = b.either("Add", v, b.const(b.rng.standard_normal(inner), dtype))
    return b, v, len(shape), dtype, {"LayerNormalization" if centred else "RMSNormalization"}


def axes_of(b: Builder, node: onnx.NodeProto) -> list[int]:
    """Find the axes of a ReduceMean."""
    if node.attribute:
        return list(node.attribute[0].ints)
    constants = {t.name: t for t in b.inits}
    constants |= {n.output[0]: n.attribute[0].t for n in b.nodes if n.op_type == "Constant"}
    return numpy_helper.to_array(constants[node.input[1]]).tolist()


@seeds(0)
@pytest.mark.parametrize("centred", [True, False], ids=["layernorm", "rmsnorm"])
def test_norm(tool, tmp_path, first, centred):
    flags = ["--only=fuse_layernorm" if centred else "--only=fuse_rmsnorm"]
    for seed in range(first, first + PER_TEST):
        b, y, rank, dtype, wanted = norm_model(seed, centred)
        outputs = [(y, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))]
        tolerance = 1e-5 if dtype == np.float32 else 2e-2
        left, _ = compare(tool, tmp_path, b, outputs, rank, flags, tolerance)
        assert set(left) - {"Constant"} == wanted, f"seed {seed}: {left}"


@seeds(1000)
def test_decompose_layernorm(tool, tmp_path, first):
    for seed in range(first, first + PER_TEST):
        b = Builder(seed, 0)
        b.opset = b.pick(17, 18, 23)
        dtype = b.pick(np.float32, np.float32, np.float16)
        shape = [int(b.rng.integers(1, 6)) for _ in range(int(b.rng.integers(1, 5)))]
        axis = int(b.rng.integers(len(shape)))
        x = b.input(b.rng.standard_normal(shape).astype(dtype), ["N", *shape[1:]])
        given = [b.const(b.rng.standard_normal(shape[axis:]), dtype) for _ in range(b.pick(1, 2))]
        names = ["y", *["mean", "inverse"][: b.pick(0, 1, 2)]]
        attributes = {"axis": axis - len(shape) if b.chance() else axis, "epsilon": 1e-2}
        b.node("LayerNormalization", x, *given, outputs=names, **attributes)
        types = [
            helper.np_dtype_to_tensor_dtype(np.dtype(dtype)),
            TensorProto.FLOAT,
            TensorProto.FLOAT,
        ]
        outputs = list(zip(names, types, strict=False))
        tolerance = 1e-5 if dtype == np.float32 else 2e-2
        for flag in ("--only=decompose_layernorm", "--decompose=decompose_layernorm"):
            left, _ = compare(tool, tmp_path, b, outputs, len(shape), [flag], tolerance)
            assert "LayerNormalization" not in left, f"seed {seed}"


# --- Gelu --------------------------------------------------------------------------------


def scaled(b: Builder, x: str, factor: float) -> str:
    """Write x * factor, or x divided by its inverse."""
    if b.chance():
        return b.node("Div", x, b.number(1 / factor))
    return b.either("Mul", x, b.number(factor))


def cubic(b: Builder, x: str) -> str:
    """Write sqrt(2 / pi) * (x + 0.044715 * x ^ 3), or with a factor of x in front."""
    k, c = math.sqrt(2 / math.pi), 0.044715
    if b.chance():
        square = b.node("Pow", x, b.number(2)) if b.chance() else b.node("Mul", x, x)
        inner = b.either("Add", b.number(1), b.either("Mul", square, b.number(c)))
        return b.product([x, b.number(k), inner])
    cube = [b.node("Pow", x, b.number(3))] if b.chance() else [x, x, x]
    return scaled(b, b.either("Add", x, b.product([*cube, b.number(c)])), k)


@seeds(2000)
def test_gelu(tool, tmp_path, first):
    for seed in range(first, first + PER_TEST):
        b = Builder(seed, 0)
        b.opset = b.pick(20, 21, 23)
        x = b.input(b.rng.standard_normal((3, 17)).astype(np.float32) * 3, ["N", 17])
        if b.chance(0.3):  # x itself is something times a constant
            x = b.node("Mul", x, b.number(1.25))
        tanh = b.chance()
        g = b.node("Tanh", cubic(b, x)) if tanh else b.node("Erf", scaled(b, x, math.sqrt(0.5)))
        if b.chance(0.25):
            half = scaled(b, x, 0.5)
            y = b.either("Add", half, b.either("Mul", half, g))
        else:
            y = b.product([x, b.number(0.5), b.either("Add", g, b.number(1))])
        outputs = [(y, TensorProto.FLOAT)]
        left, _ = compare(tool, tmp_path, b, outputs, 2, ["--only=fuse_gelu"], 1e-5)
        assert set(left) - {"Constant", "Mul"} == {"Gelu"} and len(left) <= 3, (
            f"seed {seed}: {left}"
        )


# --- Einsum ------------------------------------------------------------------------------


def einsum_model(seed: int) -> tuple[Builder, str, np.ndarray]:
    """Build an Einsum of random operands; also gives numpy's result."""
    b = Builder(seed, 0)
    b.opset = b.pick(12, 13, 21)
    dtype = b.pick(np.float32, np.float32, np.float32, np.int32)
    letters = LETTERS[:-2] if b.chance() else LETTERS
    size = {c: int(b.rng.integers(1, 4)) for c in letters}
    named = {c for c in letters if b.chance(0.3)}
    lead = [int(b.rng.integers(1, 4)) for _ in range(b.pick(0, 0, 1, 2))]
    terms, arrays = [], []
    roles = {c: b.pick("batch", "left", "right", "both") for c in letters} if b.chance() else {}
    for i in range(2 if roles else b.pick(1, 2, 2, 3)):
        mine = [c for c in letters if roles.get(c, "") != ("right", "left")[i % 2]]
        count = len(mine) if roles else int(b.rng.integers(1, min(5, len(letters)) + 1))
        term = [str(c) for c in b.rng.permutation(mine)[:count]]
        shape, dims = [size[c] for c in term], [c if c in named else size[c] for c in term]
        if lead:
            at = int(b.rng.integers(count + 1))
            term.insert(at, "...")
            shape[at:at], dims[at:at] = lead, lead
        terms.append("".join(term))
        values = b.rng.integers(-9, 9, shape) if dtype == np.int32 else b.rng.standard_normal(shape)
        arrays.append(values.astype(dtype))
        b.input(arrays[-1], dims)
    used = sorted({c for t in terms for c in t if c != "."})
    equation = ",".join(terms)
    mixed = any(c.isupper() for c in used) and any(c.islower() for c in used)
    if mixed or b.chance(0.8):
        kept = [str(c) for c in b.rng.permutation(used)[: int(b.rng.integers(len(used) + 1))]]
        if roles:
            kept = [str(c) for c in b.rng.permutation(used) if roles[c] != "both"]
        if lead:
            kept.insert(int(b.rng.integers(len(kept) + 1)), "...")
        equation += "->" + "".join(kept)
    b.node("Einsum", *[i.name for i in b.inputs], outputs=["y"], equation=equation)
    return b, equation, np.einsum(equation, *arrays)


@seeds(3000)
def test_einsum(tool, tmp_path, first):
    for seed in range(first, first + PER_TEST):
        b, equation, expected = einsum_model(seed)
        outputs = [("y", helper.np_dtype_to_tensor_dtype(expected.dtype))]
        rank, flags = expected.ndim, ["--only=einsum_to_matmul"]
        left, remarks = compare(tool, tmp_path, b, outputs, rank, flags, 1e-5)
        refused = any("to merge" in r or "input" in r for r in remarks)
        assert "Einsum" not in left or refused, f"seed {seed}: {equation}: {remarks}"
        out = numeric.session((tmp_path / "out.onnx").read_bytes(), "off", threads=1)
        got = numeric.run(out, b.feeds)[0]
        np.testing.assert_allclose(
            got, expected, rtol=1e-5, atol=1e-5 * max(1, abs(expected).max())
        )
        left, _ = compare(tool, tmp_path, b, outputs, rank, [], 1e-5)
        assert len(left) <= 1 or set(left) == {"Einsum"}, f"seed {seed}: {equation}: {left}"

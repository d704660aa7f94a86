"""Random convolutions with all that fuse_conv_batchnorm and fuse_conv_relu merge around them.

1-D to 3-D, groups, strides, pads, dilations, transposed: ONNX Runtime must compute the same before and after.
"""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import numeric

FLAGS = ("-q", "--only=fuse_conv_batchnorm,fuse_conv_relu", "--remarks=all", "--max-growth=1M")
OPSETS = (9, 11, 13, 18, 21)
GRAPHS = 400
PER_TEST = 50
STEPS = 7
TOLERANCE = (
    2  # times the project's: weights of up to seven steps are rounded once each, on both sides
)

RULES = {
    "conv-batchnorm", "conv-multiply", "conv-divide", "conv-add", "conv-subtract", "conv-subtract-from",
    "conv-negate", "gemm-batchnorm", "matmul-batchnorm", "batchnorm-conv", "multiply-conv", "divide-conv",
    "add-conv", "subtract-conv", "subtract-from-conv", "negate-conv", "conv-conv-add", "conv-batchnorm-add",
    "conv-identity-add", "pad-conv", "pad-maxpool", "pad-averagepool", "merge-bounds", "merge-bounds-zero",
}  # fmt: skip


class Builder:
    """A model that grows step by step behind one value, whose shape is known."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice(OPSETS))
        self.nodes: list[onnx.NodeProto] = []
        self.inits: list[onnx.TensorProto] = []
        spatial = int(self.rng.choice([0, 1, 2, 2, 3]))
        size = [int(self.rng.integers(5, 9)) for _ in range(spatial)]
        self.shape = [2, int(self.rng.choice([1, 2, 4, 6])), *size]
        named = [f"s{i}" if self.rng.random() < 0.2 else d for i, d in enumerate(self.shape)]
        named[1] = self.shape[1]
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, named)
        self.feed = self.rng.standard_normal(self.shape).astype(np.float32)
        self.value = "x"

    # --- parts

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def const(self, array, dtype=np.float32) -> str:
        """Add an initializer."""
        name = f"c{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes) -> str:
        """Add a node; returns its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def normal(self, *shape: int):
        return self.rng.standard_normal(shape)

    def factors(self, n: int):
        """Numbers that are far from 0."""
        return self.rng.uniform(0.5, 1.5, n) * self.rng.choice([-1, 1], n)

    def per_channel(self, values) -> str:
        """Write a number for each channel in one of the shapes that broadcast to them."""
        spatial = len(self.shape) - 2
        if self.chance(0.3):
            return self.const(self.pick(np.reshape(values[0], ()), values[:1]))
        lead = [1] if self.chance(0.5) else []
        return self.const(np.reshape(values, [*lead, len(values), *[1] * spatial]))

    # --- steps; each returns the value and changes the shape

    def batchnorm(self, x: str) -> str:
        c = self.shape[1]
        mean, beta = self.normal(c), self.normal(c)
        if self.chance(0.25):
            mean, beta = np.zeros(c), np.zeros(c)
        params = (self.factors(c), beta, mean, self.rng.uniform(0.5, 1.5, c))
        return self.node("BatchNormalization", x, *(self.const(p) for p in params), epsilon=1e-3)

    def arithmetic(self, x: str) -> str:
        op = self.pick("Mul", "Div", "Add", "Sub", "Neg")
        if op == "Neg":
            return self.node(op, x)
        c = self.per_channel(self.factors(self.shape[1]))
        first = self.chance(0.4) and op != "Div"
        return self.node(op, *((c, x) if first else (x, c)))

    def activation(self, x: str) -> str:
        op = self.pick("Relu", "Clip", "Clip", "Max", "Min")
        low, high = -self.rng.uniform(1, 3), self.rng.uniform(1, 3)
        if op == "Relu":
            return self.node(op, x)
        if op == "Clip" and self.opset < 11:
            return self.node(op, x, min=low, max=high)
        if op == "Clip":
            bounds = [self.const(b) if self.chance(0.8) else "" for b in (low, high)]
            return self.node(op, x, *bounds)
        bound = self.const(low if op == "Max" else high)
        return self.node(op, *((x, bound) if self.chance(0.5) else (bound, x)))

    def window(self, kernel: list[int]) -> dict | None:
        """Strides, dilations and pads; changes the shape. None if the window does not fit."""
        n = len(kernel)
        strides = [self.pick(1, 1, 2) for _ in range(n)]
        dilations = [self.pick(1, 1, 2) for _ in range(n)]
        pads = [self.pick(0, 0, 1, 2) for _ in range(2 * n)] if self.chance(0.5) else [0] * (2 * n)
        size = []
        for i, d in enumerate(self.shape[2:]):
            room = d + pads[i] + pads[n + i] - (kernel[i] - 1) * dilations[i] - 1
            if room < 0:
                return None
            size.append(room // strides[i] + 1)
        self.shape[2:] = size
        return {"strides": strides, "dilations": dilations, "pads": pads}

    def weights(self, *shape: int) -> str:
        return self.const(self.normal(*shape) / math.sqrt(math.prod(shape[1:])))

    def conv(self, x: str) -> str:
        kernel = [self.pick(1, 2, 3) for _ in self.shape[2:]]
        c = self.shape[1]
        attributes = self.window(kernel)
        if attributes is None:
            return x
        group = self.pick(*(g for g in (1, 2, c) if c % g == 0))
        out = group * self.pick(1, 2, max(1, 6 // group))
        self.shape[1] = out
        bias = [self.const(self.normal(out))] if self.chance(0.5) else []
        if attributes["pads"] == [0] * len(attributes["pads"]) and self.chance(0.3):
            del attributes["pads"]
            attributes["auto_pad"] = "VALID"
        w = self.weights(out, c // group, *kernel)
        return self.node("Conv", x, w, *bias, group=group, **attributes)

    def conv_transpose(self, x: str) -> str:
        c, n = self.shape[1], len(self.shape) - 2
        group = self.pick(*(g for g in (1, 2, c) if c % g == 0))
        per_group = self.pick(1, 2)
        kernel = [self.pick(1, 2, 3) for _ in range(n)]
        strides = [self.pick(1, 2) for _ in range(n)]
        self.shape[1] = group * per_group
        self.shape[2:] = [
            (d - 1) * s + k for d, s, k in zip(self.shape[2:], strides, kernel, strict=True)
        ]
        bias = [self.const(self.normal(self.shape[1]))] if self.chance(0.5) else []
        w = self.weights(c, per_group, *kernel)
        return self.node("ConvTranspose", x, w, *bias, group=group, strides=strides)

    def branches(self, x: str) -> str:
        """Two or three of: a Conv with a kernel of 3, one of 1, BatchNormalization, the input itself."""
        c, n = self.shape[1], len(self.shape) - 2
        group = self.pick(*(g for g in (1, 2, c) if c % g == 0))
        d, s = self.pick(1, 2), self.pick(1, 1, 2)
        bias = [self.const(self.normal(c))] if self.chance(0.5) else []
        wide = self.weights(c, c // group, *[3] * n)
        around = {"strides": [s] * n, "group": group}
        attributes = {"dilations": [d] * n, "pads": [d] * (2 * n), **around}
        parts = [self.node("Conv", x, wide, *bias, **attributes)]
        if self.chance(0.6) or s > 1:
            narrow = self.weights(c, c // group, *[1] * n)
            parts.append(self.node("Conv", x, narrow, **around))
        if self.chance(0.6) and s == 1:
            parts.append(self.batchnorm(x))
        if len(parts) == 1:
            parts.append(x)
        self.shape[2:] = [(k - 1) // s + 1 for k in self.shape[2:]]
        parts = [self.batchnorm(p) if p != x and self.chance(0.3) else p for p in parts]
        self.rng.shuffle(parts)
        total = parts[0]
        for p in parts[1:]:
            total = self.node("Add", total, p)
        return total

    def pad(self, x: str, value: float) -> str:
        n = len(self.shape)
        pads = [0] * (2 * n)
        for i in range(2, n):
            pads[i], pads[n + i] = self.pick(0, 1), self.pick(0, 1, 2)
            self.shape[i] += pads[i] + pads[n + i]
        if self.opset < 11:
            return self.node("Pad", x, pads=pads, value=float(value))
        if self.opset >= 18 and self.chance(0.5):
            axes = self.const([i - n for i in range(2, n)], np.int64)
            short = [*pads[2:n], *pads[n + 2 :]]
            return self.node("Pad", x, self.const(short, np.int64), self.const(value), axes)
        inputs = [self.const(pads, np.int64)]
        if value or self.chance(0.5):
            inputs.append(self.const(value))
        return self.node("Pad", x, *inputs)

    def padded_pool(self, x: str) -> str:
        op = self.pick("MaxPool", "AveragePool")
        if min(self.shape[2:]) < 3:
            return x
        x = self.pad(x, -math.inf if op == "MaxPool" else 0)
        kernel = [3] * (len(self.shape) - 2)
        strides = [self.pick(1, 2) for _ in kernel]
        self.shape[2:] = [(d - 3) // s + 1 for d, s in zip(self.shape[2:], strides, strict=True)]
        return self.node(op, x, kernel_shape=kernel, strides=strides)

    def padded_conv(self, x: str) -> str:
        return self.conv(self.pad(x, 0))

    def product(self, x: str) -> str:
        """Gemm or MatMul of rank 2, with a BatchNormalization behind it."""
        c, out = self.shape[1], self.pick(1, 3, 5)
        self.shape[1] = out
        if self.chance(0.4):
            return self.batchnorm(self.node("MatMul", x, self.weights(c, out)))
        turned = self.chance(0.5)
        w = self.weights(out, c) if turned else self.weights(c, out)
        bias = self.const(self.normal(*self.pick((out,), (1,), (1, out), ())))
        made = self.node(
            "Gemm", x, w, bias, alpha=0.5, beta=self.pick(1.0, 2.0), transB=int(turned)
        )
        return self.batchnorm(made)

    def grow(self) -> None:
        steps = [self.conv, self.conv_transpose, self.batchnorm, self.arithmetic, self.arithmetic]
        steps += [
            self.activation,
            self.activation,
            self.branches,
            self.padded_pool,
            self.padded_conv,
        ]
        if len(self.shape) == 2:
            steps = [self.product, self.arithmetic, self.activation]
        for _ in range(STEPS):
            if math.prod(self.shape) < 20000:
                self.value = self.pick(*steps)(self.value)

    def model(self) -> onnx.ModelProto:
        self.grow()
        info = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(self.shape))
        self.nodes.append(helper.make_node("Identity", [self.value], ["y"]))
        graph = helper.make_graph(self.nodes, "g", [self.input], [info], self.inits)
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


class Wide(Builder):
    """A block of RepVGG whose weights are large enough to be computed while they are written."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.shape = [1, 96, 5, 5]
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        self.feed = self.normal(*self.shape).astype(np.float32)

    def block(self, group: int) -> None:
        x, c = self.value, self.shape[1]
        wide = self.weights(c, c // group, 3, 3)
        branches = [self.node("Conv", x, wide, pads=[1, 1, 1, 1], group=group)]
        branches.append(self.node("Conv", x, self.weights(c, c // group, 1, 1), group=group))
        total = self.node("Add", *(self.batchnorm(b) for b in branches))
        self.value = self.node("Relu", self.node("Add", self.batchnorm(x), total))

    def grow(self) -> None:
        for group in (1, 3):
            self.block(group)


fired: set[str] = set()


def check(tool, folder, seed: int, builder: Builder) -> onnx.ModelProto:
    """Optimise one model; it must compute the same, and have nothing left to do."""
    model = builder.model()
    onnx.checker.check_model(model, full_check=True)
    source, out, again, report = (folder / f"{seed}.{n}" for n in ("in", "out", "again", "json"))
    source.write_bytes(model.SerializeToString())
    tool.ok(source, out, *FLAGS, "--json", report)
    fired.update(r["rule"] for r in json.loads(report.read_text())["remarks"] if r["fired"])
    tool.ok(out, again, *FLAGS)
    assert again.read_bytes() == out.read_bytes(), "not idempotent"
    onnx.checker.check_model(out, full_check=True)
    feeds = {"x": builder.feed}
    wanted, got = (
        numeric.run(numeric.session(p, "off", threads=1), feeds)[0] for p in (source, out)
    )
    assert wanted.shape == got.shape
    assert numeric.max_diff(wanted, got) <= TOLERANCE * numeric.tolerance(wanted)
    return onnx.load(out)


@pytest.mark.xdist_group("conv_fusions")  # one worker: the last test looks at what all of them did
@pytest.mark.parametrize("first", range(0, GRAPHS, PER_TEST))
def test_random_graphs_compute_the_same(tool, tmp_path, first):
    failures = []
    for seed in range(first, first + PER_TEST):
        try:
            check(tool, tmp_path, seed, Builder(seed))
        except Exception as error:
            failures.append(f"seed {seed}: {str(error)[:300]}")
    assert not failures, "\n".join(failures)


def test_repvgg_blocks_become_one_conv_each(tool, tmp_path):
    after = check(tool, tmp_path, 0, Wide(0))
    assert [n.op_type for n in after.graph.node] == ["Conv", "Relu", "Conv", "Relu", "Identity"]


@pytest.mark.xdist_group("conv_fusions")
def test_every_rule_fired():
    assert not RULES - fired

"""Random graphs of operators that work in any layout, with Transposes all over them.

Pushing them about must keep every bit, never add a node, and be done after one run.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import numeric

FLAGS = ("-q", "--only=eliminate_redundant_transposes")
OPSETS = (11, 13, 18, 21)
GRAPHS = 200
PER_TEST = 25
NODES = 24

UNARY = ("Relu", "Neg", "Abs", "Sigmoid", "Floor", "Tanh")
# Not Max and Min: which of two zeros wins depends on where ONNX Runtime's vectors begin.
BINARY = ("Add", "Mul", "Sub", "Div")
CHAIN = ("Neg", "Abs", "Relu")


class Builder:
    """A model that grows node by node; every value is known with its shape."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice(OPSETS))
        self.nodes: list[onnx.NodeProto] = []
        self.inits: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.feeds: dict[str, np.ndarray] = {}
        self.pool: list[tuple[str, tuple[int, ...]]] = []
        self.perms: dict[int, list[int]] = {}
        self.add_input("x0", 4)
        for i in range(int(self.rng.integers(3))):
            self.add_input(f"x{i + 1}", int(self.rng.choice([2, 3, 4, 5])))

    # --- parts

    def add_input(self, name: str, rank: int) -> None:
        """Add a graph input, some of whose dims have names."""
        shape = tuple(int(d) for d in self.rng.choice([1, 2, 2, 3, 4, 6], rank))
        named = self.rng.random() < 0.3
        dims = [
            f"{name}_{i}" if named and self.rng.random() < 0.5 else d for i, d in enumerate(shape)
        ]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        self.feeds[name] = self.rng.standard_normal(shape).astype(np.float32)
        self.pool.append((name, shape))

    def const(self, array) -> str:
        """Add an initializer."""
        name = f"c{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(np.array(values, np.int64))

    def floats(self, shape) -> str:
        return self.const(self.rng.standard_normal(shape).astype(np.float32))

    def node(self, op: str, inputs: list[str], *shapes, **attrs) -> list[str]:
        """Add a node; its outputs of a given shape go into the pool."""
        outs = [f"v{len(self.nodes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(op, inputs, outs, f"n{len(self.nodes)}", **attrs))
        self.pool += [(o, tuple(s)) for o, s in zip(outs, shapes, strict=True) if s is not None]
        return outs

    def pick(self, ranks=(1, 2, 3, 4, 5)) -> tuple[str, tuple[int, ...]] | None:
        """Take one of the pool; the newest ones more often."""
        fits = [v for v in self.pool if len(v[1]) in ranks and math.prod(v[1]) <= 4096]
        if not fits:
            return None
        return fits[-1 - min(int(self.rng.exponential(2.0)), len(fits) - 1)]

    def axis(self, shape) -> int:
        return int(self.rng.integers(len(shape)))

    def spelled(self, axis: int, shape) -> int:
        """Spell an axis from the front or from the back."""
        return axis - len(shape) if self.rng.random() < 0.3 else axis

    # --- operators

    def transpose(self) -> None:
        """Transpose by this graph's permutation of the rank, its inverse, or another one."""
        name, shape = self.pick((2, 3, 4, 5))
        rank = len(shape)
        usual = self.perms.setdefault(rank, [int(a) for a in self.rng.permutation(rank)])
        kind = self.rng.random()
        perm = usual if kind < 0.4 else [usual.index(i) for i in range(rank)]
        if kind > 0.85:
            perm = [int(a) for a in self.rng.permutation(rank)]
        attrs = {} if perm == list(range(rank))[::-1] and kind < 0.2 else {"perm": perm}
        self.node("Transpose", [name], [shape[a] for a in perm], **attrs)

    def unary(self) -> None:
        name, shape = self.pick()
        self.node(str(self.rng.choice(UNARY)), [name], shape)

    def chain(self) -> None:
        name, shape = self.pick()
        for _ in range(int(self.rng.integers(1, 4))):
            (name,) = self.node(str(self.rng.choice(CHAIN)), [name], shape)

    def binary(self) -> None:
        """Combine two values, or one with a constant of any shape that broadcasts."""
        name, shape = self.pick()
        same = [n for n, s in self.pool if s == shape]
        if self.rng.random() < 0.5 and len(same) > 1:
            other = str(self.rng.choice(same))
        elif self.rng.random() < 0.3:
            other, small = self.pick()
            try:
                shape = np.broadcast_shapes(shape, small)
            except ValueError:
                return
        else:
            keep = shape[int(self.rng.integers(len(shape) + 1)) :]
            other = self.floats([d if self.rng.random() < 0.7 else 1 for d in keep])
        pair = [name, other] if self.rng.random() < 0.5 else [other, name]
        self.node(str(self.rng.choice(BINARY)), pair, shape)

    def where(self) -> None:
        name, shape = self.pick()
        (mask,) = self.node("Greater", [name, self.const(np.float32(0))], None)
        self.node("Where", [mask, name, self.floats(shape[-1:])], shape)

    def concat(self) -> None:
        name, shape = self.pick()
        axis = self.axis(shape)
        same = [n for n, s in self.pool if s == shape]
        others = [str(n) for n in self.rng.choice(same, int(self.rng.integers(1, 3)))]
        if self.rng.random() < 0.3:
            others.append(self.floats(shape))
        out = list(shape)
        out[axis] *= 1 + len(others)
        self.node("Concat", [name, *others], out, axis=self.spelled(axis, shape))

    def split(self) -> None:
        name, shape = self.pick()
        even = [i for i, d in enumerate(shape) if d % 2 == 0]
        if not even:
            return
        axis = int(self.rng.choice(even))
        part = list(shape)
        part[axis] //= 2
        attrs = {"axis": self.spelled(axis, shape)}
        inputs = [name]
        if self.opset < 13:
            attrs["split"] = [part[axis]] * 2
        else:
            inputs.append(self.ints(part[axis], part[axis]))
        self.node("Split", inputs, part, part, **attrs)

    def slice(self) -> None:
        name, shape = self.pick()
        axes = sorted({self.axis(shape) for _ in range(2)})
        if self.rng.random() < 0.3:
            axes = list(range(len(shape)))
        out, starts, ends, steps = list(shape), [], [], []
        for a in axes:
            backwards = self.rng.random() < 0.2
            start = 0 if backwards else int(self.rng.integers(shape[a]))
            starts.append(shape[a] - 1 if backwards else start)
            ends.append(-shape[a] - 1 if backwards else 2**31)
            steps.append(-1 if backwards else 1)
            out[a] = shape[a] - start
        inputs = [name, self.ints(*starts), self.ints(*ends)]
        if axes != list(range(len(axes))) or -1 in steps:
            inputs.append(self.ints(*axes))
        if -1 in steps:
            inputs.append(self.ints(*steps))
        self.node("Slice", inputs, out)

    def pad(self) -> None:
        name, shape = self.pick()
        axes = list(range(len(shape)))
        some = self.opset >= 18 and self.rng.random() < 0.4
        if some:
            axes = [self.axis(shape)]
        pads = [int(p) for p in self.rng.integers(0, 3, 2 * len(axes))]
        out = list(shape)
        for i, a in enumerate(axes):
            out[a] += pads[i] + pads[i + len(axes)]
        mode = str(self.rng.choice(["constant", "edge"]))
        inputs = [name, self.ints(*pads)]
        if some:
            inputs += ["", self.ints(*axes)]
        self.node("Pad", inputs, out, mode=mode)

    def tile(self) -> None:
        name, shape = self.pick()
        repeats = [int(r) for r in self.rng.integers(1, 3, len(shape))]
        out = [d * r for d, r in zip(shape, repeats, strict=True)]
        self.node("Tile", [name, self.ints(*repeats)], out)

    def expand(self) -> None:
        name, shape = self.pick()
        target = [int(self.rng.integers(1, 4)) if d == 1 else d for d in shape]
        self.node("Expand", [name, self.ints(*target)], target)

    def reduce(self) -> None:
        name, shape = self.pick((2, 3, 4, 5))
        op = str(self.rng.choice(["ReduceMax", "ReduceSum", "ReduceMean", "ArgMax"]))
        keep = int(self.rng.random() < 0.5)
        axes = sorted({self.axis(shape) for _ in range(1 if op == "ArgMax" else 2)})
        out = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
        spelled = [self.spelled(a, shape) for a in axes]
        if op == "ArgMax":
            (index,) = self.node(op, [name], None, axis=spelled[0], keepdims=keep)
            self.node("Cast", [index], out, to=TensorProto.FLOAT)
        elif self.opset >= 18 or (op == "ReduceSum" and self.opset >= 13):
            self.node(op, [name, self.ints(*spelled)], out, keepdims=keep)
        else:
            self.node(op, [name], out, axes=spelled, keepdims=keep)

    def whole(self) -> None:
        """Sum whole numbers, which rounds in no order."""
        name, shape = self.pick((2, 3, 4, 5))
        (low,) = self.node(
            "Clip", [name, self.const(np.float32(-9)), self.const(np.float32(9))], None
        )
        (whole,) = self.node("Cast", [low], None, to=TensorProto.INT32)
        axis, keep = self.axis(shape), int(self.rng.random() < 0.5)
        out = [1 if i == axis else d for i, d in enumerate(shape) if keep or i != axis]
        if self.opset >= 13:
            (total,) = self.node("ReduceSum", [whole, self.ints(axis)], None, keepdims=keep)
        else:
            (total,) = self.node("ReduceSum", [whole], None, axes=[axis], keepdims=keep)
        self.node("Cast", [total], out, to=TensorProto.FLOAT)

    def softmax(self) -> None:
        name, shape = self.pick()
        op = str(self.rng.choice(["Softmax", "LogSoftmax"]))
        self.node(op, [name], shape, axis=self.spelled(self.axis(shape), shape))

    def squeeze(self) -> None:
        name, shape = self.pick((2, 3, 4, 5))
        ones = [i for i, d in enumerate(shape) if d == 1]
        if not ones or len(ones) == len(shape):
            return
        axes = ones if self.rng.random() < 0.5 else [int(self.rng.choice(ones))]
        self.axes_node("Squeeze", name, axes, [d for i, d in enumerate(shape) if i not in axes])

    def unsqueeze(self) -> None:
        name, shape = self.pick((1, 2, 3, 4))
        axis = int(self.rng.integers(len(shape) + 1))
        self.axes_node("Unsqueeze", name, [axis], [*shape[:axis], 1, *shape[axis:]])

    def axes_node(self, op: str, name: str, axes: list[int], out) -> None:
        if self.opset < 13:
            self.node(op, [name], out, axes=axes)
        else:
            self.node(op, [name, self.ints(*axes)], out)

    def reshape(self) -> None:
        """Merge two neighbours, or split one axis."""
        name, shape = self.pick((1, 2, 3, 4))
        axis = self.axis(shape)
        if self.rng.random() < 0.5 and axis + 1 < len(shape):
            out = [*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]]
        else:
            factor = 2 if shape[axis] % 2 == 0 else 1
            out = [*shape[:axis], shape[axis] // factor, factor, *shape[axis + 1 :]]
        target = list(out)
        if self.rng.random() < 0.3:
            target[self.axis(out)] = -1
        self.node("Reshape", [name, self.ints(*target)], out)

    def gather(self) -> None:
        name, shape = self.pick((2, 3, 4, 5))
        axis = self.axis(shape)
        if self.rng.random() < 0.5:
            indices, middle = self.const(np.int64(self.rng.integers(shape[axis]))), []
        else:
            indices, middle = self.ints(*self.rng.integers(-shape[axis], shape[axis], 3)), [3]
        out = [*shape[:axis], *middle, *shape[axis + 1 :]]
        self.node("Gather", [name, indices], out, axis=self.spelled(axis, shape))

    def matmul(self) -> None:
        name, shape = self.pick((2, 3, 4))
        batch = shape[:-2] if self.rng.random() < 0.5 else []
        weight = self.floats([*batch, shape[-1], 3])
        self.node("MatMul", [name, weight], [*shape[:-1], 3])

    def conv(self) -> None:
        picked = self.pick((4,))
        if picked:
            name, shape = picked
            self.node("Conv", [name, self.floats((3, shape[1], 1, 1))], [shape[0], 3, *shape[2:]])

    def quantize(self) -> None:
        name, shape = self.pick((2, 3, 4))
        axis, attrs = self.axis(shape), {}
        scale, zero = np.float32(0.1), np.int8(3)
        if self.opset >= 13 and self.rng.random() < 0.6:
            scale = self.rng.uniform(0.05, 0.2, shape[axis]).astype(np.float32)
            zero = self.rng.integers(-5, 5, shape[axis]).astype(np.int8)
            attrs = {"axis": self.spelled(axis, shape)}
        pair = [self.const(scale), self.const(zero)]
        (q,) = self.node("QuantizeLinear", [name, *pair], None, **attrs)
        self.node("DequantizeLinear", [q, *pair], shape, **attrs)

    def resize(self) -> None:
        picked = self.pick((4,))
        if not picked:
            return
        name, shape = picked
        factors = [1, 2, 2, 1] if self.rng.random() < 0.5 else [1, 1, 2, 2]
        scales = self.const(np.array(factors, np.float32))
        out = [d * f for d, f in zip(shape, factors, strict=True)]
        attrs = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
        roi = "" if self.opset >= 13 else self.floats([0])
        self.node("Resize", [name, roi, scales], out, nearest_mode="floor", **attrs)

    def topk(self) -> None:
        name, shape = self.pick((2, 3, 4))
        axis = self.axis(shape)
        out = list(shape)
        out[axis] = 1
        values = self.node("TopK", [name, self.ints(1)], out, None, axis=axis)
        self.node("Cast", [values[1]], out, to=TensorProto.FLOAT)

    def cumsum(self) -> None:
        name, shape = self.pick()
        axis = np.int32(self.spelled(self.axis(shape), shape))
        self.node("CumSum", [name, self.const(axis)], shape)

    def prelu(self) -> None:
        name, shape = self.pick((2, 3, 4))
        self.node("PRelu", [name, self.floats(shape[1:])], shape)

    def flatten(self) -> None:
        name, shape = self.pick((2, 3, 4))
        axis = int(self.rng.integers(len(shape) + 1))
        self.node("Flatten", [name], [math.prod(shape[:axis]), math.prod(shape[axis:])], axis=axis)

    def normalize(self) -> None:
        if self.opset < 17:
            return
        name, shape = self.pick()
        axis = self.axis(shape)
        pair = [self.floats(shape[axis:]), self.floats(shape[axis:])]
        self.node("LayerNormalization", [name, *pair], shape, axis=axis)

    def branch(self) -> None:
        """Read a value from inside a body."""
        name, shape = self.pick()
        bodies = []
        for op in ("Neg", "Abs"):
            out = f"b{len(self.nodes)}_{op}"
            info = helper.make_tensor_value_info(out, TensorProto.FLOAT, list(shape))
            bodies.append(helper.make_graph([helper.make_node(op, [name], [out])], op, [], [info]))
        (yes,) = self.node("Greater", [self.floats([]), self.const(np.float32(0))], None)
        self.node("If", [yes], shape, then_branch=bodies[0], else_branch=bodies[1])

    STEPS = (
        (transpose, 24), (unary, 6), (chain, 4), (binary, 10), (concat, 4), (split, 3), (slice, 3),
        (pad, 2), (tile, 2), (expand, 1), (reduce, 4), (whole, 2), (softmax, 2), (squeeze, 2),
        (unsqueeze, 2), (reshape, 4), (gather, 2), (matmul, 2), (conv, 2), (quantize, 2),
        (resize, 2), (topk, 1), (cumsum, 1), (prelu, 1), (flatten, 1), (normalize, 1), (where, 1),
        (branch, 1),
    )  # fmt: skip

    def build(self) -> onnx.ModelProto:
        """Add nodes at random; unread values and a few others are outputs."""
        weights = np.array([w for _, w in self.STEPS], float)
        while len(self.nodes) < NODES:
            self.STEPS[int(self.rng.choice(len(self.STEPS), p=weights / weights.sum()))][0](self)
        read = {i for n in self.nodes for i in n.input}
        made = {o for n in self.nodes for o in n.output}
        outputs = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * len(s))
            for n, s in self.pool
            if n in made and (n not in read or self.rng.random() < 0.05)
        ]
        graph = helper.make_graph(self.nodes, "g", self.inputs, outputs, self.inits)
        imports = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)


def operators(model: onnx.ModelProto) -> Counter:
    return Counter(n.op_type for n in model.graph.node)


def same_bits(a, b) -> bool:
    return all(numeric.same_bits(x, y) for x, y in zip(a, b, strict=True))


def close(a, b) -> bool:
    return all(
        numeric.max_diff(x, y) <= 10 * numeric.tolerance(x) for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("first", range(0, GRAPHS, PER_TEST))
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "rounding"])
def test_random_graphs(first, exact, tool, tmp_path):
    gone = 0
    for seed in range(first, first + PER_TEST):
        builder = Builder(seed)
        model = builder.build()
        onnx.checker.check_model(model)
        source, out, again = (tmp_path / f"{name}.onnx" for name in ("in", "out", "again"))
        source.write_bytes(model.SerializeToString())
        flags = (*FLAGS, "--verify-each", *(["--exact"] if exact else []))
        tool.ok(source, out, *flags)
        after = onnx.load(out)
        onnx.checker.check_model(after, full_check=True)
        before_ops, after_ops = operators(model), operators(after)
        assert after_ops.total() <= before_ops.total(), f"seed {seed}: more nodes"
        assert after_ops["Transpose"] <= before_ops["Transpose"], f"seed {seed}: more Transposes"
        gone += before_ops["Transpose"] - after_ops["Transpose"]
        tool.ok(out, again, *flags)
        assert again.read_bytes() == out.read_bytes(), f"seed {seed}: not idempotent"
        runs = [numeric.run(numeric.session(p, "off", 1), builder.feeds) for p in (source, out)]
        agree = same_bits if exact else close
        assert agree(*runs), f"seed {seed}: other results"
    assert gone > PER_TEST, "hardly any Transpose went"

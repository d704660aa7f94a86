"""Random chains of operators that move, cast, combine and reduce: optimised they compute the same.

Each seed grows a graph node by node from two inputs, with constants of its own; every value is an output with some
probability. Under --exact all bits must agree with ONNX Runtime on the original; by default, up to rounding.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import numeric

SEEDS = range(60)
NODES = 14
OPSETS = (9, 12, 13, 18, 21)
FLOAT, INT, BOOL = np.float32, np.int64, np.bool_


class Chain:
    """A random graph, and what is known of its values: NumPy arrays of the right shape and type."""

    def __init__(self, seed: int) -> None:
        """Grow the graph of this seed."""
        self.rng = np.random.default_rng(seed)
        self.opset = OPSETS[seed % len(OPSETS)]
        self.nodes: list[onnx.NodeProto] = []
        self.inits: list[TensorProto] = []
        self.values: dict[str, tuple[type, tuple[int, ...]]] = {}
        self.inputs = ["x", "u"]
        shape = tuple(int(d) for d in self.rng.choice([1, 2, 3, 4], 3))
        self.values["x"] = (FLOAT, shape)
        self.values["u"] = (INT, shape)
        steps = [s for s in dir(self) if s.startswith("op_")]
        step = steps[0]
        while len(self.nodes) < NODES:
            name = str(self.rng.choice(list(self.values)[-2:]))
            if (
                self.rng.random() < 0.6
            ):  # else one more of the same kind: pairs are what rules look for
                step = self.rng.choice(steps)
            getattr(self, step)(name, *self.values[name])

    def const(self, array) -> str:
        """Add an initializer."""
        name = f"c{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, op, inputs, dtype, *shapes, **attributes) -> list[str]:
        """Add a node with these outputs."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        for name, shape in zip(names, shapes, strict=True):
            self.values[name] = (dtype, tuple(int(d) for d in shape))
        return names

    def axis(self, shape) -> int:
        """Pick an axis."""
        return int(self.rng.integers(len(shape)))

    def small(self, dtype, shape=()):
        """Constants that keep numbers small and products exact."""
        if dtype is BOOL:
            return self.rng.integers(0, 2, shape).astype(BOOL)
        return self.rng.choice(
            [-2, -1, 0.5, 1, 2, 4] if dtype is FLOAT else [-2, -1, 0, 1, 3], shape
        ).astype(dtype)

    def listed(self, op, name, dtype, shape, what, since, **attributes):
        """Add a node whose list `axes` is an input since an opset."""
        if self.opset >= since:
            return self.add(op, [name, self.const(np.array(what, INT))], dtype, shape, **attributes)
        return self.add(op, [name], dtype, shape, axes=what, **attributes)

    def op_unary(self, name, dtype, shape):
        ops = {
            FLOAT: ["Relu", "Neg", "Abs", "Floor", "Ceil", "Sign"],
            INT: ["Neg", "Abs", "Sign"],
            BOOL: ["Not"],
        }
        self.add(self.rng.choice(ops[dtype]), [name], dtype, shape)

    def op_arithmetic(self, name, dtype, shape):
        ops = {
            FLOAT: ["Add", "Sub", "Mul", "Div"],
            INT: ["Add", "Sub", "Mul"],
            BOOL: ["And", "Or", "Xor"],
        }
        axis = self.axis(shape) if shape else 0
        c = self.small(dtype, shape[axis:] if self.rng.random() < 0.3 else ())
        inputs = [name, self.const(c)]
        if self.rng.random() < 0.3:
            inputs.reverse()
        self.add(self.rng.choice(ops[dtype]), inputs, dtype, shape)

    def op_cast(self, name, dtype, shape):
        to = [FLOAT, INT, BOOL][self.rng.integers(3)]
        if dtype is FLOAT and to is INT:  # infinities and NaN have no integer
            return
        between = np.float64 if self.rng.random() < 0.3 else None
        if between:
            (name,) = self.add("Cast", [name], between, shape, to=TensorProto.DOUBLE)
            del self.values[name]
        self.add("Cast", [name], to, shape, to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))

    def op_reshape(self, name, dtype, shape):
        size, dims = int(np.prod(shape)), []
        while size > 1 and len(dims) < 3:
            dims.append(int(self.rng.choice([d for d in range(1, size + 1) if size % d == 0])))
            size //= dims[-1]
        dims.append(size)
        target = list(dims)
        if self.rng.random() < 0.5:
            target[self.axis(dims)] = -1
        self.add("Reshape", [name, self.const(np.array(target, INT))], dtype, dims)

    def op_unsqueeze(self, name, dtype, shape):
        if len(shape) < 4:
            axis = int(self.rng.integers(len(shape) + 1))
            self.listed("Unsqueeze", name, dtype, [*shape[:axis], 1, *shape[axis:]], [axis], 13)

    def op_squeeze(self, name, dtype, shape):
        ones = [i for i, d in enumerate(shape) if d == 1]
        if ones:
            axis = int(self.rng.choice(ones))
            self.listed("Squeeze", name, dtype, [*shape[:axis], *shape[axis + 1 :]], [axis], 13)

    def op_flatten(self, name, dtype, shape):
        if dtype is FLOAT:
            axis = int(self.rng.integers(len(shape) + 1))
            dims = [int(np.prod(shape[:axis])), int(np.prod(shape[axis:]))]
            self.add("Flatten", [name], dtype, dims, axis=axis)

    def op_slice(self, name, dtype, shape):
        if not shape:
            return
        axis = self.axis(shape)
        start, end = (int(i) for i in self.rng.integers(-3, 5, 2))
        step = int(self.rng.choice([1, 1, 2, -1])) if self.opset >= 10 else 1
        kept = len(range(shape[axis])[start:end:step])
        if not kept:
            return
        out = [*shape[:axis], kept, *shape[axis + 1 :]]
        if self.opset < 10:
            self.add("Slice", [name], dtype, out, axes=[axis], starts=[start], ends=[end])
        else:
            lists = [self.const(np.array([i], INT)) for i in (start, end, axis, step)]
            self.add("Slice", [name, *lists], dtype, out)

    def op_gather(self, name, dtype, shape):
        if not shape:
            return
        axis = self.axis(shape)
        low = -shape[axis] if self.opset >= 11 else 0
        index = self.rng.integers(
            low, shape[axis], () if self.rng.random() < 0.3 else self.rng.integers(1, 4)
        )
        if self.rng.random() < 0.2:
            index = np.arange(shape[axis])
        out = [*shape[:axis], *index.shape, *shape[axis + 1 :]]
        self.add("Gather", [name, self.const(index.astype(INT))], dtype, out, axis=axis)

    def op_concat(self, name, dtype, shape):
        if not shape or np.prod(shape) > 200:
            return
        axis = self.axis(shape)
        same = [v for v, known in self.values.items() if known == (dtype, shape)]
        parts = [name, *(str(p) for p in self.rng.choice(same, self.rng.integers(1, 3)))]
        out = [*shape[:axis], shape[axis] * len(parts), *shape[axis + 1 :]]
        self.add("Concat", parts, dtype, out, axis=axis)

    def op_split(self, name, dtype, shape):
        if not shape or dtype is BOOL:
            return
        axis = self.axis(shape)
        if shape[axis] < 2:
            return
        sizes = [1, shape[axis] - 1]
        outs = [[*shape[:axis], n, *shape[axis + 1 :]] for n in sizes]
        if self.opset >= 13:
            parts = self.add(
                "Split", [name, self.const(np.array(sizes, INT))], dtype, *outs, axis=axis
            )
        else:
            parts = self.add("Split", [name], dtype, *outs, axis=axis, split=sizes)
        if self.rng.random() < 0.5:
            self.add("Concat", parts, dtype, shape, axis=axis)

    def op_expand(self, name, dtype, shape):
        if np.prod(shape) > 100:
            return
        dims = [int(self.rng.integers(1, 4)) if d == 1 else d for d in shape]
        (y,) = self.add("Expand", [name, self.const(np.array(dims, INT))], dtype, dims)
        if dtype is not BOOL:
            self.add("Mul", [y, self.const(self.small(dtype, dims))], dtype, dims)

    def op_tile(self, name, dtype, shape):
        if shape and np.prod(shape) < 50:
            repeats = self.rng.integers(1, 3, len(shape))
            self.add(
                "Tile", [name, self.const(repeats.astype(INT))], dtype, np.array(shape) * repeats
            )

    def op_where(self, name, dtype, shape):
        condition = self.const(self.rng.random(()) < 0.5)
        if self.rng.random() < 0.5:
            conditions = [v for v, known in self.values.items() if known == (BOOL, shape)]
            if not conditions:
                return
            (condition,) = self.add("Not", [conditions[-1]], BOOL, shape)
        if dtype is INT:  # of floats, ONNX Runtime's kernel takes -0.0 for 0.0
            self.add("Where", [condition, name, self.const(self.small(dtype))], dtype, shape)

    def op_pad(self, name, dtype, shape):
        if dtype is not FLOAT or not shape or np.prod(shape) > 100:
            return
        pads = self.rng.integers(0, 2, 2 * len(shape))
        out = np.array(shape) + pads[: len(shape)] + pads[len(shape) :]
        if self.opset >= 11:
            self.add("Pad", [name, self.const(pads.astype(INT))], dtype, out)
        else:
            self.add("Pad", [name], dtype, out, pads=pads.tolist())

    def op_reduce(self, name, dtype, shape):
        if not shape or dtype is BOOL:
            return
        axis, keep = self.axis(shape), int(self.rng.integers(2))
        out = [*shape[:axis], *([1] if keep else []), *shape[axis + 1 :]]
        op = str(self.rng.choice(["ReduceSum", "ReduceMax"]))
        self.listed(op, name, dtype, out, [axis], 13 if op == "ReduceSum" else 18, keepdims=keep)

    def op_stack(self, name, dtype, shape):
        if dtype is BOOL or len(shape) > 3:
            return
        axis, parts = int(self.rng.integers(len(shape) + 1)), []
        layer = [*shape[:axis], 1, *shape[axis:]]
        same = [v for v, known in self.values.items() if known == (dtype, shape)]
        for other in [name, *self.rng.choice(same, self.rng.integers(1, 3))]:
            parts += self.listed("Unsqueeze", str(other), dtype, layer, [axis], 13)
        stacked = [*shape[:axis], len(parts), *shape[axis:]]
        (y,) = self.add("Concat", parts, dtype, stacked, axis=axis)
        self.listed("ReduceSum", y, dtype, shape, [axis], 13, keepdims=0)

    def model(self) -> onnx.ModelProto:
        """The model: what nobody reads, and some of what somebody reads, are outputs."""
        read = {i for n in self.nodes for i in n.input}
        outputs = [
            v
            for v in self.values
            if v not in self.inputs and (v not in read or self.rng.random() < 0.1)
        ]

        def info(name):
            dtype, shape = self.values[name]
            return helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape
            )

        graph = helper.make_graph(
            self.nodes, "g", [info(v) for v in self.inputs], [info(v) for v in outputs], self.inits
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8
        )


def compare(before, after, seed: int, exact: bool) -> None:
    """Run both on ordinary and special numbers."""
    sessions = [numeric.session(m.SerializeToString(), "off", threads=1) for m in (before, after)]
    for special in (False, True):
        fed = numeric.feeds(before, seed, {}, {}, special)
        wanted, got = (numeric.run(s, fed) for s in sessions)
        for out, a, b in zip(before.graph.output, wanted, got, strict=True):
            if exact:
                assert numeric.same_bits(a, b), out.name
            elif not special:
                assert a.shape == b.shape and a.dtype == b.dtype, out.name
                assert np.allclose(
                    a, b, rtol=1e-5, atol=1e-5 * numeric.tolerance(a) / 1e-5, equal_nan=True
                ), out.name


@pytest.mark.parametrize("flags", [["--exact"], []], ids=["exact", "rounding"])
@pytest.mark.parametrize("seed", SEEDS)
def test_chain(tool, tmp_path, seed, flags):
    """A random chain computes the same afterwards, and is not made smaller by a second run."""
    model = Chain(seed).model()
    source, out, again = (tmp_path / f"{n}.onnx" for n in ("in", "out", "again"))
    onnx.checker.check_model(model, full_check=True)
    source.write_bytes(model.SerializeToString())
    tool.ok(source, out, "-q", "--verify-each", *flags)
    after = onnx.load(out)
    onnx.checker.check_model(after, full_check=True)
    assert len(after.graph.node) <= len(model.graph.node)
    compare(model, after, seed, exact=bool(flags))
    tool.ok(out, again, "-q", *flags)
    assert again.read_bytes() == out.read_bytes(), "not idempotent"

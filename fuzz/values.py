"""A graph under construction: values with their shapes, nodes of any opset from 9 on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DTYPES = {
    "f": (TensorProto.FLOAT, np.float32),
    "i": (TensorProto.INT64, np.int64),
    "b": (TensorProto.BOOL, np.bool_),
    "d": (TensorProto.DOUBLE, np.float64),
    "h": (TensorProto.FLOAT16, np.float16),
    "c": (TensorProto.INT8, np.int8),
    "u": (TensorProto.UINT8, np.uint8),
    "w": (TensorProto.INT32, np.int32),
}
LOCAL = "local"
"""The domain of a model's own functions."""
SCALES = (0.5, 2.0, 0.25, 1.0, -1.0, 4.0, 0.125, 0.0)


@dataclass(frozen=True)
class Value:
    """A value of the graph: its name, its kind (a key of DTYPES) and its shape."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Its number of axes."""
        return len(self.shape)


@dataclass
class Draft:
    """Nodes, inputs and initializers so far; all choices come from one seeded generator."""

    rng: random.Random
    opset: int
    prefix: str = "v"
    nodes: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    inits: list = field(default_factory=list)
    pool: list[Value] = field(default_factory=list)
    dims: dict[int, str] = field(default_factory=dict)
    """Sizes that inputs declare by name."""
    depth: int = 0
    closed: bool = False
    """Nothing may come from outside: the draft is of a function."""
    outer: Draft | None = None
    """The draft of the main graph, if it is another one: it has the functions."""
    functions: list = field(default_factory=list)

    # --- choices -----------------------------------------------------------------------------------------------

    def chance(self, p: float = 0.5) -> bool:
        """Return True with this probability."""
        return self.rng.random() < p

    def pick(self, *choices):
        """Return one of the choices."""
        return self.rng.choice(choices)

    def shape(self, rank: int | None = None, least: int = 1, most: int = 5) -> tuple[int, ...]:
        """Return a shape of small dims, 1 among them."""
        rank = self.rng.randint(1, 4) if rank is None else rank
        return tuple(
            self.pick(1, self.rng.randint(least, most), self.rng.randint(least, most))
            for _ in range(rank)
        )

    def perm(self, rank: int) -> list[int]:
        """Return a permutation; often one that only swaps the last two axes, or changes channels' place."""
        common = [list(range(rank))]
        if rank >= 2:
            common.append([*range(rank - 2), rank - 1, rank - 2])
        if rank >= 3:
            common += [[0, *range(2, rank), 1], [0, rank - 1, *range(1, rank - 1)]]
        return self.pick(*common) if self.chance(0.6) else self.rng.sample(range(rank), rank)

    def axis(self, rank: int) -> int:
        """Return an axis, sometimes counted from the end."""
        a = self.rng.randrange(rank)
        return a - rank if self.chance(0.3) else a

    # --- values ------------------------------------------------------------------------------------------------

    def array(self, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return small numbers that float32 adds and multiplies without rounding."""
        size = int(np.prod(shape, dtype=np.int64))
        numbers = [self.rng.randint(-3, 3) for _ in range(size)]
        return np.array(numbers, DTYPES[kind][1]).reshape(shape)

    def const(self, array: np.ndarray) -> str:
        """Add a constant: an initializer, a Constant node, seldom one that is also an input."""
        name = f"{self.prefix}c{len(self.inits) + len(self.nodes)}"
        tensor = numpy_helper.from_array(np.asarray(array), name)
        if self.chance(0.6 if self.depth else 0.2) or self.closed:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            return name
        self.inits.append(tensor)
        if not self.depth and self.chance(0.03):
            self.inputs.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        return name

    def ints(self, *numbers: int) -> str:
        """Add a constant vector of int64."""
        return self.const(np.array(numbers, np.int64))

    def number(self, x: float, like: Value | None = None) -> str:
        """Add a float constant of one element, of rank 0 or more."""
        rank = self.pick(0, 0, 1, *([like.rank] if like else []))
        return self.const(np.full((1,) * rank, x, np.float32))

    def input(self, kind: str, shape: tuple[int, ...]) -> Value:
        """Add a graph input, some of whose dims get names; a constant where there can be none."""
        if self.closed:
            return self.keep(self.const(self.array(kind, shape)), kind, shape)
        name = f"x{len(self.inputs)}"
        dims = []
        for n in shape:
            if self.chance(0.3):
                self.dims.setdefault(n, f"N{n}")
            dims.append(self.dims.get(n, n))
        self.inputs.append(helper.make_tensor_value_info(name, DTYPES[kind][0], dims))
        return self.keep(name, kind, shape)

    def keep(self, name: str, kind: str, shape) -> Value:
        """Put a value into the pool that operands are taken from."""
        value = Value(name, kind, tuple(int(n) for n in shape))
        self.pool.append(value)
        return value

    def some(
        self, kind: str = "f", rank: int | None = None, least: int = 0, most: int = 6
    ) -> Value:
        """Return a value of the pool, rather a late one; a new input if none fits."""
        fits = [
            v
            for v in self.pool
            if v.kind == kind and (v.rank == rank if rank is not None else least <= v.rank <= most)
        ]
        if fits and self.chance(0.9):
            return fits[-1 - min(int(self.rng.expovariate(0.7)), len(fits) - 1)]
        rank = self.rng.randint(max(least, 1), min(most, 4)) if rank is None else rank
        return self.input(kind, self.shape(rank))

    def node(
        self,
        op: str,
        inputs: list[str],
        shape=None,
        kind: str = "f",
        outputs: int = 1,
        **attributes,
    ) -> Value:
        """Add a node; returns its first output, which has this shape."""
        names = [f"{self.prefix}{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return self.keep(names[0], kind, shape if shape is not None else ())

    # --- operators whose form depends on the opset ----------------------------------------------------------------

    def with_axes(
        self, op: str, v: Value, axes: list[int], shape, since: int = 13, **attributes
    ) -> Value:
        """Add a node whose axes became an input."""
        if self.opset >= since:
            return self.node(op, [v.name, self.ints(*axes)], shape, v.kind, **attributes)
        return self.node(op, [v.name], shape, v.kind, axes=axes, **attributes)

    def squeeze(self, v: Value, axes: list[int]) -> Value:
        """Remove axes of size 1."""
        gone = {a % v.rank for a in axes}
        return self.with_axes(
            "Squeeze", v, axes, [n for i, n in enumerate(v.shape) if i not in gone]
        )

    def unsqueeze(self, v: Value, axes: list[int]) -> Value:
        """Insert axes of size 1; axes count in the result."""
        rank, rest = v.rank + len(axes), iter(v.shape)
        new = {a % rank for a in axes}
        return self.with_axes(
            "Unsqueeze", v, axes, [1 if i in new else next(rest) for i in range(rank)]
        )

    def reduce(self, op: str, v: Value, axes: list[int], keep: bool) -> Value:
        """Reduce over axes."""
        gone = {a % v.rank for a in axes}
        shape = [1 if i in gone else n for i, n in enumerate(v.shape) if keep or i not in gone]
        since = 13 if op == "ReduceSum" else 18
        return self.with_axes(op, v, axes, shape, since, keepdims=int(keep))

    def reshape(self, v: Value, shape, target: list[int] | None = None) -> Value:
        """Reshape; the target may have 0 and -1."""
        return self.node("Reshape", [v.name, self.ints(*(target or shape))], shape, v.kind)

    def transpose(self, v: Value, perm: list[int]) -> Value:
        """Permute the axes."""
        return self.node("Transpose", [v.name], [v.shape[p] for p in perm], v.kind, perm=perm)

    def slice(self, v: Value, axis: int, start: int, end: int, step: int = 1) -> Value:
        """Take a part along an axis; negative and excessive bounds are clamped as the operator does."""
        n = v.shape[axis]
        shape = list(v.shape)
        shape[axis] = len(range(n)[start:end:step])
        if self.opset < 10 and step == 1:
            return self.node(
                "Slice", [v.name], shape, v.kind, axes=[axis], starts=[start], ends=[end]
            )
        if self.opset < 10:
            return v
        inputs = [v.name, self.ints(start), self.ints(end), self.ints(axis)]
        if step != 1 or self.chance(0.3):
            inputs.append(self.ints(step))
        return self.node("Slice", inputs, shape, v.kind)

    def split(self, v: Value, axis: int, parts: list[int]) -> list[Value]:
        """Cut along an axis."""
        names = [f"{self.prefix}{len(self.nodes)}s{i}" for i in range(len(parts))]
        inputs, attributes = [v.name], {"axis": axis}
        if self.opset >= 13:
            inputs.append(self.ints(*parts))
        else:
            attributes["split"] = parts
        self.nodes.append(helper.make_node("Split", inputs, names, **attributes))
        shapes = [[*v.shape[:axis], n, *v.shape[axis + 1 :]] for n in parts]
        return [self.keep(name, v.kind, s) for name, s in zip(names, shapes, strict=True)]

    def clip(self, v: Value, low: float | None, high: float | None) -> Value:
        """Clip by constants, either of which may be missing."""
        if self.opset < 11:
            bounds = {"min": low, "max": high}
            return self.node(
                "Clip", [v.name], v.shape, **{k: b for k, b in bounds.items() if b is not None}
            )
        inputs = [
            v.name,
            *("" if b is None else self.const(np.array(b, np.float32)) for b in (low, high)),
        ]
        while not inputs[-1]:
            inputs.pop()
        return self.node("Clip", inputs, v.shape)

    def pad(self, v: Value, pads: list[int], value: float = 0.0) -> Value:
        """Pad with a constant."""
        shape = [n + pads[i] + pads[i + v.rank] for i, n in enumerate(v.shape)]
        if self.opset < 11:
            return self.node("Pad", [v.name], shape, pads=pads, value=value)
        inputs = [v.name, self.ints(*pads)]
        if value or self.chance():
            inputs.append(self.const(np.array(value, np.float32)))
        return self.node("Pad", inputs, shape)

    # --- the whole ---------------------------------------------------------------------------------------------

    def broadcast(self, a: Value, b: Value) -> tuple[int, ...] | None:
        """Return the shape of an elementwise result; None if they do not go together."""
        try:
            return np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            return None

    def model(self, outputs: list[Value]) -> onnx.ModelProto:
        """Finish; outputs declare what they are, some of them without a shape."""
        infos = []
        for v in outputs:
            dims = (
                None
                if self.chance(0.2)
                else [self.dims.get(n, n) if self.chance(0.3) else n for n in v.shape]
            )
            dims = [f"{v.name}_{i}" for i in range(v.rank)] if dims is None else dims
            infos.append(helper.make_tensor_value_info(v.name, DTYPES[v.kind][0], dims))
        graph = helper.make_graph(self.nodes, "g", self.inputs, infos, self.inits)
        opsets = [helper.make_opsetid("", self.opset)]
        if self.functions:
            opsets.append(helper.make_opsetid(LOCAL, 1))
        return helper.make_model(
            graph,
            functions=self.functions,
            opset_imports=opsets,
            ir_version=self.pick(8, 10) if self.functions else self.pick(4, 7, 8),
        )

"""Damage to models that stays within the format: attributes, dims and elements that no exporter writes."""

from __future__ import annotations

import random

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

INTS = (0, 1, -1, 2, 3, 7, 64, 1000, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -1.0, 0.5, 1e30, float("nan"), float("inf"), float("-inf"))
TYPES = (np.float32, np.float64, np.float16, np.int8, np.int64)


def mutate(model: onnx.ModelProto, rng: random.Random) -> None:
    """Changes one thing in the main graph, or nothing."""
    rng.choice((_attribute, _attribute, _tensor, _tensor, _input))(model.graph, rng)


def _attribute(graph, rng) -> None:
    found = [a for n in graph.node for a in n.attribute]
    if not found:
        return
    a = rng.choice(found)
    if a.type == AttributeProto.INT:
        a.i = rng.choice(INTS)
    elif a.type == AttributeProto.FLOAT:
        a.f = rng.choice(FLOATS)
    elif a.type == AttributeProto.STRING:
        a.s = rng.choice((b"", b"other", a.s[:-1]))
    elif a.type == AttributeProto.INTS:
        _list(a.ints, rng.choice(INTS), rng)
    elif a.type == AttributeProto.FLOATS:
        _list(a.floats, rng.choice(FLOATS), rng)


def _list(values, value, rng) -> None:
    if not values or rng.random() < 0.3:
        values.append(value)
    elif rng.random() < 0.3:
        del values[-1]
    else:
        values[rng.randrange(len(values))] = value


def _tensor(graph, rng) -> None:
    """Other elements, other dims, or another type."""
    found = [t for t in graph.initializer if t.data_type != TensorProto.STRING]
    if not found:
        return
    tensor = rng.choice(found)
    array = numpy_helper.to_array(tensor)
    if array.dtype.kind not in "iuf":
        return
    kind = rng.randrange(4)
    if kind == 0 and array.size:
        flat = array.flatten()
        info = np.iinfo(array.dtype) if array.dtype.kind != "f" else None
        value = rng.choice(FLOATS) if info is None else rng.choice(INTS)
        flat[rng.randrange(flat.size)] = (
            value if info is None else np.clip(value, info.min, info.max)
        )
        array = flat.reshape(array.shape)
    elif kind == 1 and array.ndim:
        axis = rng.randrange(array.ndim)
        array = np.take(array, range(rng.randrange(max(array.shape[axis], 1))), axis=axis)
    elif kind == 2:
        array = array.reshape(rng.choice(((-1,), (*array.shape, 1))))
    else:
        with np.errstate(all="ignore"):
            array = array.astype(rng.choice(TYPES))
    tensor.CopyFrom(numpy_helper.from_array(array.copy(), tensor.name))


def _input(graph, rng) -> None:
    """An input that is left out, or reads another initializer."""
    found = [n for n in graph.node if n.input]
    if not found:
        return
    node = rng.choice(found)
    if rng.random() < 0.5:
        del node.input[-1]
    else:
        names = ["", *(t.name for t in graph.initializer)]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)

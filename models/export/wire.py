"""Just enough of the protobuf wire format to find the tensors of an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32",
    7: "int64", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = (5, 10), (6, 11)
_TENSOR_DIMS, _TENSOR_DTYPE, _TENSOR_NAME = 1, 2, 8
_TENSOR_RAW, _TENSOR_EXTERNAL = 9, 13


@dataclass
class Tensor:
    """A TensorProto: what it is and where its bytes lie."""

    name: str = ""
    dtype: str = ""
    shape: list[int] = field(default_factory=list)
    raw: tuple[int, int] | None = None
    external: dict[str, str] = field(default_factory=dict)

    def view(self, data: memoryview) -> np.ndarray:
        """Return its values from the bytes that hold them."""
        return np.frombuffer(data, self.dtype).reshape(self.shape)


@dataclass
class Contents:
    """The nodes (subgraphs counted) and the tensors of a model."""

    nodes: int = 0
    tensors: list[Tensor] = field(default_factory=list)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: memoryview, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field, start, end, varint); a varint's span is empty, others' value 0."""
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, at, at, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}[kind]
        yield number, at, at + size, 0
        at += size


def _entry(data: memoryview, at: int, end: int) -> tuple[str, str]:
    pair = {n: str(data[a:b], "utf-8") for n, a, b, _ in _fields(data, at, end)}
    return pair[1], pair[2]


def _tensor(data: memoryview, at: int, end: int) -> Tensor:
    tensor = Tensor()
    for number, start, stop, value in _fields(data, at, end):
        if number == _TENSOR_DIMS and start == stop:
            tensor.shape.append(value)
        elif number == _TENSOR_DIMS:
            while start < stop:
                value, start = _varint(data, start)
                tensor.shape.append(value)
        elif number == _TENSOR_DTYPE:
            tensor.dtype = _DTYPES.get(value, "")
        elif number == _TENSOR_NAME:
            tensor.name = str(data[start:stop], "utf-8")
        elif number == _TENSOR_RAW:
            tensor.raw = (start, stop)
        elif number == _TENSOR_EXTERNAL:
            key, text = _entry(data, start, stop)
            tensor.external[key] = text
    return tensor


def _graph(data: memoryview, at: int, end: int, found: Contents) -> None:
    for number, start, stop, _ in _fields(data, at, end):
        if number == _GRAPH_NODE:
            found.nodes += 1
            for inner, a, b, _ in _fields(data, start, stop):
                if inner == _NODE_ATTRIBUTE:
                    _attribute(data, a, b, found)
        elif number == _GRAPH_INITIALIZER:
            found.tensors.append(_tensor(data, start, stop))


def _attribute(data: memoryview, at: int, end: int, found: Contents) -> None:
    for number, start, stop, _ in _fields(data, at, end):
        if number in _ATTRIBUTE_TENSORS:
            found.tensors.append(_tensor(data, start, stop))
        elif number in _ATTRIBUTE_GRAPHS:
            _graph(data, start, stop, found)


def scan(data: memoryview) -> Contents:
    """Return the nodes and tensors of a model file, in file order."""
    found = Contents()
    for number, start, stop, _ in _fields(data, 0, len(data)):
        if number == _MODEL_GRAPH:
            _graph(data, start, stop, found)
    return found

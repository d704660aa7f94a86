"""Just enough of the protobuf wire format to find the tensors of an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = (5, 10), (6, 11)
_TENSOR_RAW, _TENSOR_EXTERNAL = 9, 13


@dataclass
class Tensor:
    """Where a TensorProto's raw bytes lie: in the file or outside."""

    raw: tuple[int, int] = (0, 0)
    external: dict[str, str] = field(default_factory=dict)


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


def _fields(data: memoryview, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, start and end of every field that is not a varint."""
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        size, at = _varint(data, at) if kind in (0, 2) else ({1: 8, 5: 4}[kind], at)
        if kind != 0:
            yield number, at, at + size
            at += size


def _entry(data: memoryview, at: int, end: int) -> tuple[str, str]:
    pair = {n: str(data[a:b], "utf-8") for n, a, b in _fields(data, at, end)}
    return pair[1], pair[2]


def _tensor(data: memoryview, at: int, end: int) -> Tensor:
    tensor = Tensor()
    for number, start, stop in _fields(data, at, end):
        if number == _TENSOR_RAW:
            tensor.raw = (start, stop)
        elif number == _TENSOR_EXTERNAL:
            key, value = _entry(data, start, stop)
            tensor.external[key] = value
    return tensor


def _graph(data: memoryview, at: int, end: int, found: Contents) -> None:
    for number, start, stop in _fields(data, at, end):
        if number == _GRAPH_NODE:
            found.nodes += 1
            for inner, a, b in _fields(data, start, stop):
                if inner == _NODE_ATTRIBUTE:
                    _attribute(data, a, b, found)
        elif number == _GRAPH_INITIALIZER:
            found.tensors.append(_tensor(data, start, stop))


def _attribute(data: memoryview, at: int, end: int, found: Contents) -> None:
    for number, start, stop in _fields(data, at, end):
        if number in _ATTRIBUTE_TENSORS:
            found.tensors.append(_tensor(data, start, stop))
        elif number in _ATTRIBUTE_GRAPHS:
            _graph(data, start, stop, found)


def scan(data: memoryview) -> Contents:
    """Return the nodes and tensors of a model file, in file order."""
    found = Contents()
    for number, start, stop in _fields(data, 0, len(data)):
        if number == _MODEL_GRAPH:
            _graph(data, start, stop, found)
    return found

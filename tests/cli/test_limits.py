"""What is too deep or too many is an error with a name, or left alone; never a crash (SECURITY.md)."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, TypeProto, helper

from stacks import varint

BAD_MODEL = 2
DEPTH, SLOTS, RANK = 100, 1 << 24, 64


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def model(graph: bytes) -> bytes:
    return b"\x08\x08" + field(7, graph) + field(8, b"\x0a\x00\x10\x11")


def node(*, inputs: int = 0, attribute: bytes = b"") -> bytes:
    attributes = field(5, attribute) if attribute else b""
    return field(1, field(4, b"Op") + field(7, b"custom") + b"\x0a\x00" * inputs + attributes)


def nested_graphs(depth: int) -> bytes:
    """Graph, node, attribute, graph and so on."""
    graph = b""
    for _ in range(depth):
        graph = node(attribute=field(1, b"body") + field(6, graph) + b"\xa0\x01\x05")
    return model(graph)


def nested_types(depth: int) -> bytes:
    """A sequence of sequences."""
    kind = TypeProto(tensor_type=TypeProto.Tensor(elem_type=1)).SerializeToString()
    for _ in range(depth):
        kind = field(4, field(1, kind))
    return model(field(11, field(1, b"x") + field(2, kind)))


def nested_groups(depth: int) -> bytes:
    return model(b"\x83\x7d" * depth + b"\x84\x7d" * depth)


def refused(tool, path: Path, content: bytes, *words: str) -> None:
    path.write_bytes(content)
    done = tool(path, "-q")
    text = done.stderr.decode()
    assert done.returncode == BAD_MODEL and text.count("\n") == 1, text
    for word in words:
        assert word in text


@pytest.mark.parametrize("nested", [nested_graphs, nested_types, nested_groups])
def test_depth(tool, tmp_path, nested):
    path = tmp_path / "in.onnx"
    path.write_bytes(nested(20))
    tool.ok(path, "-q")
    for depth in (DEPTH + 1, 1000):
        refused(tool, path, nested(depth), f"nested deeper than {DEPTH} levels")


def test_inputs(tool, tmp_path):
    refused(tool, tmp_path / "in.onnx", model(node(inputs=SLOTS + 1)), f"more than {SLOTS} inputs")


def test_dims(tool, tmp_path):
    """A tensor of too high a rank passes through unharmed."""
    dims = [1] * (RANK + 1)
    w = helper.make_tensor("w", TensorProto.FLOAT, dims, [1.0])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)
    nodes = [helper.make_node("Identity", ["w"], ["a"]), helper.make_node("Abs", ["a"], ["y"])]
    source = helper.make_model(helper.make_graph(nodes, "g", [], [y], [w]))
    path, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(source, path)
    tool.ok(path, out, "-q", "--infer-shapes")
    assert onnx.load(out).graph.initializer[0] == w


def test_elements(tool, tmp_path):
    """Dims whose product overflows, and bytes that are not there."""
    for dims, word in (([1 << 40, 1 << 40], "too many elements"), ([1 << 40], "needs")):
        w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=b"1234")
        refused(tool, tmp_path / "in.onnx", model(field(5, w.SerializeToString())), "'w'", word)


def test_functions_that_call_themselves(tool, tmp_path):
    call = helper.make_node("f", ["x"], ["y"], domain="local")
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    function = helper.make_function("local", "f", ["x"], ["y"], [call], imports)
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([call], "g", info[:1], info[1:])
    source = helper.make_model(graph, functions=[function], opset_imports=imports)
    path, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(source, path)
    tool.ok(path, out, "-q", "--infer-shapes")
    assert onnx.load(out) == source

"""Synthetic models of any size: a chain of small rewrites, a stack of transformer layers as PyTorch exports them.

Layers are serialized one by one and concatenated, which protobuf reads as one message; so a million nodes take no
more memory here than one layer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper

HIDDEN, HEADS, OPSET, IR = 8, 2, 17, 8
FIELD_GRAPH = b"\x3a"  # ModelProto.graph


def floats(name: str, dims: list[int], value: float) -> TensorProto:
    """Return a constant; all elements differ a little, so that no two are the same."""
    count = 1
    for dim in dims:
        count *= dim
    data = struct.pack(f"<{count}f", *(value + i / 1024 for i in range(count)))
    return TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, raw_data=data)


def ints(name: str, values: list[int]) -> TensorProto:
    """Return a vector of int64."""
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def scalar(name: str, value: int) -> TensorProto:
    """Return one int64."""
    return helper.make_tensor(name, TensorProto.INT64, [], [value])


class Layer:
    """One layer under construction; every name ends in its number."""

    def __init__(self, number: int) -> None:
        self.number, self.graph = number, GraphProto()

    def constant(self, tensor: TensorProto) -> str:
        """Add an initializer."""
        tensor.name += f".{self.number}"
        self.graph.initializer.append(tensor)
        return tensor.name

    def node(self, op: str, inputs: list[str], hint: str, **attributes) -> str:
        """Add a node with one output."""
        out = f"{hint}.{self.number}"
        self.graph.node.append(
            helper.make_node(op, inputs, [out], name=f"{op}.{out}", **attributes)
        )
        return out


def chain_layer(number: int, x: str) -> tuple[GraphProto, str]:
    """Return ten nodes, most of which can go."""
    layer = Layer(number)
    c = [layer.constant(floats(f"c{i}", [HIDDEN], number + i / 7)) for i in range(3)]
    x = layer.node("Identity", [x], "drop")
    x = layer.node("Transpose", [x], "turn", perm=[0, 2, 1])
    x = layer.node("Relu", [x], "relu")
    x = layer.node("Transpose", [x], "back", perm=[0, 2, 1])
    x = layer.node("Add", [x, c[0]], "sum0")
    x = layer.node("Add", [x, c[1]], "sum1")
    x = layer.node("Sigmoid", [x], "act")
    x = layer.node("Mul", [x, c[2]], "scaled")
    x = layer.node("Cast", [x], "cast", to=TensorProto.FLOAT)
    return layer.graph, layer.node("Tanh", [x], "x")


def norm(layer: Layer, x: str, hint: str) -> str:
    """Return a layer normalization in its nine nodes."""
    n = layer.number
    two, epsilon = floats(f"{hint}.two", [], 2.0), floats(f"{hint}.eps", [], 1e-5)
    mean = layer.node("ReduceMean", [x], f"{hint}.mean", axes=[-1])
    centred = layer.node("Sub", [x, mean], f"{hint}.centred")
    square = layer.node("Pow", [centred, layer.constant(two)], f"{hint}.square")
    variance = layer.node("ReduceMean", [square], f"{hint}.variance", axes=[-1])
    safe = layer.node("Add", [variance, layer.constant(epsilon)], f"{hint}.safe")
    deviation = layer.node("Sqrt", [safe], f"{hint}.deviation")
    unit = layer.node("Div", [centred, deviation], f"{hint}.unit")
    scale = layer.constant(floats(f"{hint}.scale", [HIDDEN], 1 + n / 3))
    scaled = layer.node("Mul", [unit, scale], f"{hint}.scaled")
    return layer.node("Add", [scaled, layer.constant(floats(f"{hint}.bias", [HIDDEN], n))], hint)


def linear(layer: Layer, x: str, hint: str, rows: int, columns: int) -> str:
    """Return MatMul and Add."""
    weight = layer.constant(floats(f"{hint}.weight", [rows, columns], layer.number / 9))
    bias = layer.constant(floats(f"{hint}.bias", [columns], layer.number / 11))
    product = layer.node("MatMul", [x, weight], f"{hint}.product")
    return layer.node("Add", [bias, product], hint)


def size(layer: Layer, x: str, axis: int, hint: str) -> str:
    """Return one dim of x as a vector, the way PyTorch asks for it."""
    shape = layer.node("Shape", [x], f"{hint}.shape")
    one = layer.node(
        "Gather", [shape, layer.constant(scalar(f"{hint}.axis", axis))], f"{hint}.size"
    )
    return layer.node("Unsqueeze", [one, layer.constant(ints(f"{hint}.axes", [0]))], hint)


def heads(layer: Layer, x: str, hint: str, perm: list[int]) -> str:
    """Return x split into heads."""
    batch, length = size(layer, x, 0, f"{hint}.batch"), size(layer, x, 1, f"{hint}.length")
    rest = layer.constant(ints(f"{hint}.rest", [HEADS, HIDDEN // HEADS]))
    shape = layer.node("Concat", [batch, length, rest], f"{hint}.target", axis=0)
    split = layer.node("Reshape", [x, shape], f"{hint}.split")
    return layer.node("Transpose", [split], hint, perm=perm)


def gelu(layer: Layer, x: str) -> str:
    """Return the exact Gelu in its five nodes."""
    root = layer.constant(floats("gelu.root", [], 2**0.5))
    one, half = (
        layer.constant(floats("gelu.one", [], 1.0)),
        layer.constant(floats("gelu.half", [], 0.5)),
    )
    error = layer.node("Erf", [layer.node("Div", [x, root], "gelu.scaled")], "gelu.erf")
    product = layer.node("Mul", [x, layer.node("Add", [error, one], "gelu.sum")], "gelu.product")
    return layer.node("Mul", [product, half], "gelu")


def transformer_layer(number: int, x: str) -> tuple[GraphProto, str]:
    """Return one pre-norm encoder layer."""
    layer = Layer(number)
    y = norm(layer, x, "norm1")
    q, k, v = (linear(layer, y, name, HIDDEN, HIDDEN) for name in ("query", "key", "value"))
    q, v = heads(layer, q, "q", [0, 2, 1, 3]), heads(layer, v, "v", [0, 2, 1, 3])
    scores = layer.node("MatMul", [q, heads(layer, k, "k", [0, 2, 3, 1])], "scores")
    scaled = layer.node("Div", [scores, layer.constant(floats("root", [], 2.0))], "scaled")
    weights = layer.node("Softmax", [scaled], "weights", axis=-1)
    context = layer.node("MatMul", [weights, v], "context")
    merged = layer.node("Transpose", [context], "merged", perm=[0, 2, 1, 3])
    batch, length = size(layer, merged, 0, "m.batch"), size(layer, merged, 1, "m.length")
    width = layer.constant(ints("m.width", [HIDDEN]))
    shape = layer.node("Concat", [batch, length, width], "m.target", axis=0)
    joined = layer.node("Reshape", [merged, shape], "joined")
    x = layer.node("Add", [linear(layer, joined, "out", HIDDEN, HIDDEN), x], "attended")
    y = gelu(layer, linear(layer, norm(layer, x, "norm2"), "up", HIDDEN, 2 * HIDDEN))
    return layer.graph, layer.node("Add", [x, linear(layer, y, "down", 2 * HIDDEN, HIDDEN)], "x")


KINDS: dict[str, Callable[[int, str], tuple[GraphProto, str]]] = {
    "chain": chain_layer,
    "transformer": transformer_layer,
}


def layers(kind: str, nodes: int) -> Iterator[tuple[GraphProto, str]]:
    """Yield the layers of a model of about that many nodes."""
    x, count = "x", 0
    for number in range(nodes):
        graph, x = KINDS[kind](number, x)
        count += len(graph.node)
        yield graph, x
        if count >= nodes:
            return


def varint(value: int) -> bytes:
    """Encode a length."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def write(path: Path, kind: str, nodes: int) -> int:
    """Write a model of at least that many nodes; return how many it has."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", HIDDEN])
    parts, count, last = [GraphProto(name=kind, input=[x]).SerializeToString()], 0, "x"
    for graph, out in layers(kind, nodes):
        parts.append(graph.SerializeToString())
        count, last = count + len(graph.node), out
    y = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["batch", "length", HIDDEN])
    parts.append(GraphProto(output=[y]).SerializeToString())
    model = ModelProto(ir_version=IR, opset_import=[helper.make_opsetid("", OPSET)])
    with path.open("wb") as f:
        f.write(model.SerializeToString() + FIELD_GRAPH + varint(sum(map(len, parts))))
        f.writelines(parts)
    return count


def load(path: Path) -> onnx.ModelProto:
    """Read it back, checked."""
    onnx.checker.check_model(str(path))
    return onnx.load(path)

"""Models for the report page, and the page taken apart."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import golden

MARK = '<script type="application/json" id="data">'
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\N{GRINNING FACE}<!--<img src=x onerror=alert(2)>",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "x" * 10_000,
    "/".join("deep" for _ in range(2_000)),
    "__proto__/constructor",
)

BODIES = """g (bool c, float[2] x) => (float[2] y)
{ [keep] k = Sigmoid(x)
  [choose] y = If (c) <then_branch = t () => (float[2] p) { [one] o = Exp(k)  [neg] p = Neg(o) },
                       else_branch = e () => (float[2] q) { [abs] q = Abs(k) }> }"""


def fill(template: str, report: str) -> str:
    """Put a report into the template."""
    assert template.count(MARK) == 1
    return template.replace(MARK, MARK + report)


def report_in(page: str) -> dict:
    """Return the report that a page holds."""
    data = re.search(re.escape(MARK) + r"(.*?)</script>", page, re.DOTALL)
    return json.loads(data[1])


def value(name: str, dims: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def model(nodes, inputs, outputs, inits=()) -> onnx.ModelProto:
    arrays = [numpy_helper.from_array(a, n) for n, a in inits]
    graph = helper.make_graph(nodes, "g", inputs, outputs, arrays)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def block(i: int, x: str, rng: np.random.Generator) -> tuple[list, list]:
    """Return nodes and weights of Conv, BatchNormalization, Identity, Add of a constant and Relu."""
    at = f"/block.{i}"
    name = f"block.{i}"
    weights = [
        (f"{name}.conv.weight", rng.standard_normal((8, 8, 3, 3)).astype(np.float32)),
        *(
            (f"{name}.norm.{w}", rng.random(8, dtype=np.float32) + 0.5)
            for w in ("scale", "bias", "mean", "var")
        ),
    ]
    norm = [n for n, _ in weights[1:]]
    one = numpy_helper.from_array(np.float32(i + 1))

    def node(op, path, inputs, **attributes):
        return helper.make_node(op, inputs, [f"{at}/{path}_out"], name=f"{at}/{path}", **attributes)

    nodes = [
        node("Conv", "conv/Conv", [x, f"{name}.conv.weight"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", "norm/BatchNormalization", [f"{at}/conv/Conv_out", *norm]),
        node("Identity", "Identity", [f"{at}/norm/BatchNormalization_out"]),
        node("Constant", "Constant", [], value=one),
        node("Sigmoid", "gate/Sigmoid", [f"{at}/Identity_out"]),
        node("Div", "gate/Div", [f"{at}/gate/Sigmoid_out", f"{at}/Constant_out"]),
        node("Relu", "deep/act/Relu", [f"{at}/gate/Div_out"]),
        node("Exp", "deep/act/Exp", [f"{at}/deep/act/Relu_out"]),
        node("Tanh", "deep/Tanh", [f"{at}/deep/act/Exp_out"]),
    ]
    return nodes, weights


def small(blocks: int = 3) -> onnx.ModelProto:
    """Return blocks with scopes in their names, of which several passes have something to do."""
    rng = np.random.default_rng(7)
    nodes, inits, x = [], [], "x"
    for i in range(blocks):
        more, weights = block(i, x, rng)
        nodes += more
        inits += weights
        x = nodes[-1].output[0]
    return model(nodes, [value("x", ["N", 8, 16, 16])], [value(x, ["N", 8, 16, 16])], inits)


def deep() -> onnx.ModelProto:
    """Return more blocks than are shown in full at first."""
    return small(14)


def hostile() -> onnx.ModelProto:
    """Return a model with names that no page should be broken by."""
    nodes = [
        helper.make_node("Sigmoid", [f"v{i}"], [f"v{i + 1}"], name=n) for i, n in enumerate(HOSTILE)
    ]
    last = f"v{len(HOSTILE)}"
    return model(nodes, [value("v0", [HOSTILE[0], 2])], [value(last, [HOSTILE[0], 2])])


def empty() -> onnx.ModelProto:
    """Return a graph without nodes."""
    return model([], [value("x", [2])], [value("x", [2])])


def flat() -> onnx.ModelProto:
    """Return 600 nodes without names."""
    ops = ("Sigmoid", "Tanh", "Softplus")
    nodes = [helper.make_node(ops[i % 3], [f"v{i}"], [f"v{i + 1}"]) for i in range(600)]
    return model(nodes, [value("v0", [2])], [value("v600", [2])])


def bodies() -> onnx.ModelProto:
    """Return an If with two branches."""
    return golden.parse_model(BODIES)


MODELS = {
    "small": small,
    "deep": deep,
    "hostile": hostile,
    "empty": empty,
    "bodies": bodies,
    "flat": flat,
}

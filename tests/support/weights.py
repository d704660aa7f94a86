"""A model with weights that are worth a file of their own."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


def model(count: int = 3, side: int = 320) -> onnx.ModelProto:
    """A chain of products with transposed square matrices: some nodes go, some weights change."""
    rng = np.random.default_rng(0)
    tensors, nodes, last = [], [], "x"
    for i in range(count):
        weight = rng.standard_normal((side, side)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("Transpose", [f"w{i}"], [f"t{i}"], perm=[1, 0]))
        nodes.append(helper.make_node("MatMul", [last, f"t{i}"], [f"y{i}"]))
        last = f"y{i}"
    shape = [helper.make_tensor_value_info(n, 1, ["N", side]) for n in ("x", last)]
    graph = helper.make_graph(nodes, "g", shape[:1], shape[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

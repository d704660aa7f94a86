"""Models written down node by node with random choices, and what becomes of them."""

from __future__ import annotations

import json

import numpy as np
import onnx
from onnx import helper, numpy_helper

import numeric


class Builder:
    """A model under construction."""

    def __init__(self, seed: int, opset: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.inits: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.feeds: dict[str, np.ndarray] = {}

    def chance(self, p: float = 0.5) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def input(self, array, dims) -> str:
        """Add a graph input with what it is fed."""
        name = f"x{len(self.inputs)}"
        elem = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, elem, dims))
        self.feeds[name] = array
        return name

    def const(self, array, dtype=np.float32) -> str:
        """Add a constant: an initializer or a Constant node."""
        tensor = numpy_helper.from_array(np.asarray(array, dtype), f"c{len(self.inits)}")
        if self.chance(0.2):
            return self.node("Constant", value=tensor)
        self.inits.append(tensor)
        return tensor.name

    def number(self, value: float, dtype=np.float32) -> str:
        return self.const(np.full(self.pick((), (), (1,)), value), dtype)

    def node(self, op: str, *inputs: str, outputs=None, **attributes) -> str:
        """Add a node; returns its first output."""
        name = outputs or [f"v{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op, inputs, name, **attributes))
        return name[0]

    def either(self, op: str, a: str, b: str) -> str:
        """Apply an operator that commutes."""
        return self.node(op, *((a, b) if self.chance() else (b, a)))

    def product(self, factors: list[str]) -> str:
        """Multiply in any order and association."""
        factors = [factors[i] for i in self.rng.permutation(len(factors))]
        while len(factors) > 1:
            at = int(self.rng.integers(len(factors) - 1))
            factors[at : at + 2] = [self.node("Mul", *factors[at : at + 2])]
        return factors[0]

    def model(self, *outputs: tuple[str, int], rank: int) -> onnx.ModelProto:
        """Finish; outputs have their type and rank."""
        infos = [
            helper.make_tensor_value_info(name, elem, [f"{name}_{i}" for i in range(rank)])
            for name, elem in outputs
        ]
        graph = helper.make_graph(self.nodes, "g", self.inputs, infos, self.inits)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def compare(
    tool, tmp_path, builder, outputs, rank, flags, tolerance
) -> tuple[list[str], list[str]]:
    """Optimise, run both; returns the operators that are left, and the remarks."""
    before = builder.model(*outputs, rank=rank)
    source, out, log = tmp_path / "in.onnx", tmp_path / "out.onnx", tmp_path / "log.json"
    onnx.save(before, source)
    tool.ok(source, out, "-q", "--remarks=all", "--json", log, *flags)
    after = onnx.load(out)
    onnx.checker.check_model(after, full_check=True)
    tool.ok(out, tmp_path / "again.onnx", "-q", *flags)
    assert (tmp_path / "again.onnx").read_bytes() == out.read_bytes()
    sessions = [numeric.session(m.SerializeToString(), "off", threads=1) for m in (before, after)]
    wanted, got = (numeric.run(s, builder.feeds) for s in sessions)
    for a, b in zip(wanted, got, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(1, abs(a).max()))
    remarks = [r["text"] for r in json.loads(log.read_text())["remarks"]]
    return [n.op_type for n in after.graph.node], remarks

"""Which operators ONNX Runtime itself fuses in a model: what a rewrite of ours must not hide from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime as ort

CLASSES = {
    "LayerNormalization": {
        "LayerNormalization",
        "SkipLayerNormalization",
        "EmbedLayerNormalization",
        "SimplifiedLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    },
    "Gelu": {"Gelu", "BiasGelu", "FastGelu"},
    "QuickGelu": {"QuickGelu"},
    "Attention": {"Attention", "MultiHeadAttention", "GroupQueryAttention"},
    "activation in Conv or Gemm": {"FusedConv", "FusedGemm"},
    "Transpose in MatMul": {"FusedMatMul"},
    "scale in MatMul": {"FusedMatMul scaled"},
    "scale": {"Mul", "Div"},
}
"""Operators that stand for the same fused work."""


def optimised(model: Path, dims: Mapping[str, int], out: Path) -> onnx.GraphProto:
    """Return a model's graph as ONNX Runtime makes it at its extended level, with named dims frozen."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(out)
    options.log_severity_level = 4
    for name, size in dims.items():
        options.add_free_dimension_override_by_name(name, size)
    ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(out).graph
    out.unlink()
    return graph


def _kind(node: onnx.NodeProto) -> str:
    """Return a node's operator; a product that has taken a factor in is a kind of its own."""
    scaled = any(a.name == "alpha" and a.f != 1 for a in node.attribute)
    return f"{node.op_type} scaled" if node.op_type == "FusedMatMul" and scaled else node.op_type


def count(graph: onnx.GraphProto) -> dict[str, int]:
    """Count a graph's nodes by class."""
    kinds = Counter(_kind(node) for node in graph.node)
    return {name: sum(kinds[k] for k in members) for name, members in CLASSES.items()}


def hidden(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return the classes of which ONNX Runtime finds fewer than before, with both counts.

    A scale may leave a product for its weights: then it is nowhere.  It may not become a node again.
    """
    fallen = {c for c in CLASSES if c != "scale" and after[c] < before[c]}
    if after["scale"] <= before["scale"]:
        fallen.discard("scale in MatMul")
    return {c: (before[c], after[c]) for c in fallen}

"""The one call of torch's TorchScript exporter."""

from __future__ import annotations

from pathlib import Path

import torch

import zoo


def _example(spec: zoo.Input, dtype: torch.dtype) -> torch.Tensor:
    if spec.dtype == "int64":
        return torch.ones(spec.traced_shape, dtype=torch.long)
    return torch.randn(spec.traced_shape, dtype=dtype)


def save(module: torch.nn.Module, model: zoo.Model, path: Path) -> None:
    """Export a module with the model's interface, folding nothing."""
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            tuple(_example(spec, dtype) for spec in model.inputs),
            str(path),
            opset_version=model.opset,
            do_constant_folding=False,
            input_names=[spec.name for spec in model.inputs],
            output_names=list(model.outputs),
            dynamic_axes=model.dynamic_axes,
            dynamo=False,
        )

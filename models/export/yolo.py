"""YOLOv8 from its YAML, by Ultralytics' own export call.

That call leaves torch's constant folding on, unlike every other export of the zoo:
it is what people run, and without it the graph has 37 nodes more.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import onnx
import torch

import zoo
from export.fill import fill
from recipe import Recipe

_DFL = "model.22.dfl.conv.weight"
"""The fixed projection 0, 1, … 15 of the box head; training leaves it alone."""


def _load(model: zoo.Model, pretrained: bool) -> tuple:
    """Return the YOLO object and its recipes.

    The exporter folds BatchNorm into the convolutions.  So the filled model is
    folded, and the folded weights are drawn by recipe again, with their spread.
    """
    os.environ["YOLO_OFFLINE"] = str(not pretrained)
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_CONFIG_DIR"] = str(Path.cwd())
    from ultralytics import YOLO  # reads its settings from the environment

    if pretrained:
        return YOLO(f"{model.source}.pt"), []
    torch.manual_seed(0)
    yolo = YOLO(f"{model.source}.yaml")
    fill(yolo.model, model, computed=(_DFL,))
    yolo.model.fuse()
    return yolo, fill(yolo.model, model, computed=(_DFL,))


def _save_without_date(source: str, path: Path) -> None:
    """Drop the time of the export, so that an export can be repeated."""
    proto = onnx.load(source)
    kept = [p for p in proto.metadata_props if p.key != "date"]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    onnx.save(proto, path)


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export a YOLO model to path."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yolo, recipes = _load(model, pretrained)
        written = yolo.export(
            format="onnx",
            imgsz=model.inputs[0].shape[-1],
            opset=model.opset,
            dynamic=False,
            simplify=False,
        )
        _save_without_date(written, path)
    return recipes

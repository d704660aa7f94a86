"""EfficientDet, from effdet: the heads' raw outputs, no anchors and no NMS."""

from __future__ import annotations

from pathlib import Path

import effdet
import torch

import zoo
from export import trace
from export.fill import fill
from recipe import Recipe


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export a detector to path."""
    torch.manual_seed(0)
    module = effdet.create_model(model.source, pretrained=pretrained, pretrained_backbone=False)
    recipes = [] if pretrained else fill(module, model)
    trace.save(module, model, path)
    return recipes

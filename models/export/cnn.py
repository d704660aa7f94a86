"""Torchvision's classifiers."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision

import zoo
from export import trace
from export.fill import fill
from recipe import Recipe


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export a classifier to path."""
    torch.manual_seed(0)
    weights = "IMAGENET1K_V1" if pretrained else None
    module = torchvision.models.get_model(model.source, weights=weights)
    recipes = [] if pretrained else fill(module, model)
    trace.save(module, model, path)
    return recipes

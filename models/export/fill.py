"""Fill a torch module's parameters by the recipe, with its own init's spread.

The spread of each tensor is measured on the module as its framework initialised it
and rounded to two digits; the skeleton records the result.  A tensor that came out
constant (a zero bias, a unit scale) is given a small spread around its value, for
training would have moved it.  BatchNorm's running variances stay positive: their
values lie within sqrt(3) standard deviations of 1.
"""

from __future__ import annotations

import math
from collections.abc import Container

import torch

import recipe
from recipe import Recipe

_ZERO_SPREAD = 0.02
_RELATIVE_SPREAD = 0.1
_RUNNING = {"running_mean": (0.0, 0.1), "running_var": (1.0, 0.1)}


def _round(value: float, unit: float) -> float:
    """Round to two significant digits of unit."""
    return round(value, 1 - math.floor(math.log10(unit)))


def _spread(name: str, tensor: torch.Tensor) -> tuple[float, float]:
    """Return the mean and the standard deviation a tensor is drawn with."""
    leaf = name.rpartition(".")[2]
    if leaf in _RUNNING:
        return _RUNNING[leaf]
    values = tensor.double()
    mean, std = values.mean().item(), values.std(correction=0).item()
    if std <= 1e-6 * abs(mean):
        std = _RELATIVE_SPREAD * abs(mean) or _ZERO_SPREAD
        return _round(mean, std), _round(std, std)
    if abs(mean) < 4 * std / math.sqrt(values.numel()):
        return 0.0, _round(std, std)
    return _round(mean, std), _round(std, std)


def _is_trained(name: str, tensor: torch.Tensor, buffers: Container[str]) -> bool:
    """Tell whether training changes a tensor: parameters and BatchNorm's statistics."""
    return tensor.is_floating_point() and (
        name not in buffers or name.rpartition(".")[2] in _RUNNING
    )


@torch.no_grad()
def fill(
    module: torch.nn.Module, prefix: str, computed: Container[str] = ()
) -> list[Recipe]:
    """Fill a module by recipe and return the recipes; `computed` names are left."""
    buffers = dict(module.named_buffers())
    recipes = []
    for name, tensor in (dict(module.named_parameters()) | buffers).items():
        if name in computed or not _is_trained(name, tensor, buffers):
            continue
        dtype = str(tensor.dtype).removeprefix("torch.")
        tensor_recipe = Recipe(
            f"{prefix}/{name}", tuple(tensor.shape), *_spread(name, tensor), dtype
        )
        flat = tensor.detach().numpy().reshape(-1)
        if not tensor.is_contiguous():
            raise ValueError(f"{name} is not contiguous")
        for index, part in enumerate(recipe.chunks(tensor_recipe)):
            flat[index * recipe.CHUNK : index * recipe.CHUNK + part.size] = part
        recipes.append(tensor_recipe)
    return recipes


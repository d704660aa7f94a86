"""Fill a torch module's parameters by the recipe, with its own init's spread.

The spread of each tensor is measured on the module as its framework initialised it
and rounded to two digits; the skeleton records the result.  A tensor that came out
constant (a zero bias, a unit scale) is given a small spread around its value, for
training would have moved it.

No init knows BatchNorm's running statistics: training sets them.  Their spread is
that of what reaches the layer when the filled module sees a batch of noise.  Left at
0 and 1, activations die out with depth and the output forgets the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from functools import partial

import torch

import recipe
import zoo
from recipe import Recipe

_ZERO_SPREAD = 0.02
_RELATIVE_SPREAD = 0.1
_POSITIVE_SPREAD = 0.5
"""At most this of the mean: uniform values then stay above 0.13 of it."""

_BATCH = 4
_NORM = torch.nn.modules.batchnorm._BatchNorm

Draw = Callable[[str, torch.Tensor, float, float], None]
"""Fills a tensor, given its name, mean and standard deviation."""


def _measure(values: torch.Tensor) -> tuple[float, float]:
    """Return mean and standard deviation; a mean that is only noise counts as 0."""
    values = values.double()
    mean, std = values.mean().item(), values.std(correction=0).item()
    if std <= 1e-6 * abs(mean):
        return mean, _RELATIVE_SPREAD * abs(mean) or _ZERO_SPREAD
    return (mean if abs(mean) > 4 * std / math.sqrt(values.numel()) else 0.0), std


def _draw(
    recipes: list[Recipe],
    prefix: str,
    name: str,
    tensor: torch.Tensor,
    mean: float,
    std: float,
) -> None:
    """Fill a tensor by a new recipe, its numbers rounded to two digits of std."""
    digits = 1 - math.floor(math.log10(std))
    dtype = str(tensor.dtype).removeprefix("torch.")
    made = Recipe(
        f"{prefix}/{name}",
        tuple(tensor.shape),
        round(mean, digits),
        round(std, digits),
        dtype,
    )
    flat = tensor.detach().view(-1).numpy()
    for index, part in enumerate(recipe.chunks(made)):
        flat[index * recipe.CHUNK : index * recipe.CHUNK + part.size] = part
    recipes.append(made)


def _settle(draw: Draw, name: str, norm: torch.nn.Module, inputs: tuple) -> None:
    """Draw a BatchNorm's statistics from what is about to enter it."""
    channels = inputs[0].double().transpose(0, 1).flatten(1)
    draw(f"{name}.running_mean", norm.running_mean, *_measure(channels.mean(1)))
    power = (channels - norm.running_mean[:, None]).square().mean(1)
    mean = power.mean().item()
    std = min(power.std(correction=0).item(), _POSITIVE_SPREAD * mean)
    draw(f"{name}.running_var", norm.running_var, mean, std)


@torch.no_grad()
def fill(module: torch.nn.Module, model: zoo.Model, computed: Container[str] = ()) -> list[Recipe]:
    """Fill a module by recipe and return the recipes; `computed` names are left."""
    recipes: list[Recipe] = []
    draw = partial(_draw, recipes, model.name)
    norms = {n: layer for n, layer in module.named_modules() if isinstance(layer, _NORM)}
    for layer in norms.values():
        layer.reset_parameters()  # MobileViT's init leaves them scales about 0
    for name, tensor in module.named_parameters():
        if name not in computed:
            draw(name, tensor, *_measure(tensor))
    hooks = [
        layer.register_forward_pre_hook(partial(_settle, draw, name))
        for name, layer in norms.items()
    ]
    if hooks:
        module.eval()(torch.randn(_BATCH, *model.inputs[0].shape[1:]))
    for hook in hooks:
        hook.remove()
    return recipes

"""Cut an exported model down to its skeleton and write what it measured.

A large tensor becomes a reference when its bytes are those of a recipe tensor, as
it is or transposed.  What matches none (anchors, index tables, sinusoids) stays.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from materialize import Progress, write_file

import recipe
import zoo
from export import wire
from recipe import Recipe
from skeleton import Cut, File, Skeleton

KEEP = 4096
"""Tensors of at most this many bytes are kept as they are."""

_MAX_RANK = 4

Spot = tuple[int, int, wire.Tensor]
"""Start and end of a large tensor's bytes in a file, and what it is."""


def _digest(data: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(data)).hexdigest()


class Matcher:
    """Finds which recipe tensor a stored tensor is."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        """Draw every large tensor once, for its digest."""
        self.recipes = {r.name: r for r in recipes if r.nbytes > KEEP}
        self.names = {}
        for tensor in self.recipes.values():
            digest = hashlib.sha256()
            for part in recipe.chunks(tensor):
                digest.update(part)
            self.names[digest.hexdigest()] = tensor.name

    def find(self, values: np.ndarray) -> Cut | None:
        """Return the reference for a stored tensor, None if it has no recipe."""
        if name := self.names.get(_digest(values)):
            return Cut(name)
        if not 2 <= values.ndim <= _MAX_RANK:
            return None
        for perm in itertools.permutations(range(values.ndim)):
            name = self.names.get(_digest(values.transpose(perm)))
            if name and self.recipes[name].shape == values.transpose(perm).shape:
                return Cut(name, tuple(int(axis) for axis in np.argsort(perm)))
        return None


def _map(path: Path) -> memoryview:
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _cut_file(name: str, data: memoryview, spots: list[Spot], matcher: Matcher) -> File:
    file, at = File(name), 0
    for start, end, tensor in sorted(spots, key=lambda spot: spot[0]):
        if cut := matcher.find(tensor.view(data[start:end])):
            if start > at:
                file.parts.append(bytes(data[at:start]))
            file.parts.append(cut)
            at = end
    if at < len(data):
        file.parts.append(bytes(data[at:]))
    return file


def _spots(tensors: list[wire.Tensor], model_file: str) -> dict[str, list[Spot]]:
    """Return where the large tensors lie, by file, the model file last."""
    spots: dict[str, list[Spot]] = {}
    inner: list[Spot] = []
    for tensor in tensors:
        if tensor.external:
            start = int(tensor.external.get("offset", 0))
            end = start + int(tensor.external["length"])
            spots.setdefault(tensor.external["location"], []).append(
                (start, end, tensor)
            )
        elif tensor.raw and tensor.raw[1] - tensor.raw[0] > KEEP and tensor.dtype:
            inner.append((*tensor.raw, tensor))
    return spots | {model_file: inner}


def cut(model: zoo.Model, path: Path, recipes: Iterable[Recipe]) -> None:
    """Write the skeleton and the facts of the model exported to path."""
    matcher = Matcher(recipes)
    contents = wire.scan(_map(path))
    files, facts = [], []
    for name, spots in _spots(contents.tensors, path.name).items():
        data = _map(path.parent / name)
        files.append(_cut_file(name, data, spots, matcher))
        facts.append(zoo.File(name, len(data), hashlib.sha256(data).hexdigest()))
    used = {p.tensor for f in files for p in f.parts if isinstance(p, Cut)}
    skeleton = Skeleton(files, {n: matcher.recipes[n] for n in sorted(used)})
    model.skeleton.parent.mkdir(exist_ok=True)
    skeleton.save(model.skeleton)
    _check(model, path, facts)
    zoo.record(model.name, zoo.Facts(contents.nodes, tuple(facts)))


def _check(model: zoo.Model, path: Path, facts: list[zoo.File]) -> None:
    """Rebuild the model from its skeleton and compare."""
    skeleton = Skeleton.load(model.skeleton)
    scratch = path.with_suffix(".rebuilt")
    progress = Progress(f"{model.name} check", sum(fact.size for fact in facts))
    try:
        for file, fact in zip(skeleton.files, facts, strict=True):
            if write_file(skeleton, file, scratch, progress) != fact.sha256:
                raise ValueError(f"{fact.name}: the skeleton gives other bytes")
    finally:
        progress.close()
        scratch.unlink(missing_ok=True)

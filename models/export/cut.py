"""Cut an exported model down to its skeleton and write what it measured.

A large tensor becomes a reference when its bytes are those of a recipe tensor,  matches none (anchors, index tables, sinusoids) stays.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable
from pathlib import Path

from materialize import Progress, write_file

import recipe
import zoo
from export import wire
from recipe import Recipe
from skeleton import File, Skeleton

KEEP = 4096
"""Tensors of at most this many bytes are kept as they are."""

Spot = tuple[int, int]
"""Start and end of a large tensor's bytes in a file."""


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

    def find(self, data: memoryview) -> str | None:
        """Return the recipe tensor that has these bytes, None if there is none."""
        return self.names.get(hashlib.sha256(data).hexdigest())


def _map(path: Path) -> memoryview:
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _cut_file(name: str, data: memoryview, spots: list[Spot], matcher: Matcher) -> File:
    file, at = File(name), 0
    for start, end in sorted(spots):
        if tensor := matcher.find(data[start:end]):
            if start > at:
                file.parts.append(bytes(data[at:start]))
            file.parts.append(tensor)
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
            spots.setdefault(tensor.external["location"], []).append((start, end))
        elif tensor.raw[1] - tensor.raw[0] > KEEP:
            inner.append(tensor.raw)
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
    used = {p for f in files for p in f.parts if isinstance(p, str)}
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

"""Cut an exported model down to its skeleton and write what it measured.

A large tensor is cut when its bytes are those of a recipe tensor; what has no
recipe (anchors, index tables) stays.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable
from pathlib import Path

import recipe
import zoo
from export import wire
from materialize import Progress, write_file
from recipe import Recipe
from skeleton import File, Skeleton

KEEP = 4096
"""Tensors of at most this many bytes are kept as they are."""

Span = tuple[int, int]
"""Start and end of a large tensor's bytes in a file."""


def _by_digest(recipes: Iterable[Recipe]) -> dict[str, Recipe]:
    """Return the large recipe tensors by the SHA-256 of their bytes."""
    table = {}
    for tensor in recipes:
        if tensor.nbytes > KEEP:
            digest = hashlib.sha256()
            for part in recipe.chunks(tensor):
                digest.update(part)
            table[digest.hexdigest()] = tensor
    return table


def _map(path: Path) -> memoryview:
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _spans(tensors: Iterable[wire.Tensor], model_file: str) -> dict[str, list[Span]]:
    """Return where the large tensors lie, by file, the model file last."""
    outside: dict[str, list[Span]] = {}
    inside: list[Span] = []
    for tensor in tensors:
        if tensor.external:
            start = int(tensor.external.get("offset", 0))
            end = start + int(tensor.external["length"])
            outside.setdefault(tensor.external["location"], []).append((start, end))
        elif tensor.raw[1] - tensor.raw[0] > KEEP:
            inside.append(tensor.raw)
    return outside | {model_file: inside}


def _cut_file(name: str, data: memoryview, spans: list[Span], known: dict[str, Recipe]) -> File:
    """Split a file into what is kept and what the recipe draws."""
    file, at = File(name), 0
    for start, end in sorted(spans):
        tensor = known.get(hashlib.sha256(data[start:end]).hexdigest())
        if tensor:
            file.parts += [bytes(data[at:start]), tensor.name]
            at = end
    file.parts.append(bytes(data[at:]))
    return file


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


def cut(model: zoo.Model, path: Path, recipes: Iterable[Recipe]) -> None:
    """Write the skeleton and the facts of the model exported to path."""
    known = _by_digest(recipes)
    contents = wire.scan(_map(path))
    files, facts = [], []
    for name, spans in _spans(contents.tensors, path.name).items():
        data = _map(path.parent / name)
        files.append(_cut_file(name, data, spans, known))
        facts.append(zoo.File(name, len(data), hashlib.sha256(data).hexdigest()))
    used = {part for file in files for part in file.parts if isinstance(part, str)}
    tensors = {r.name: r for r in known.values() if r.name in used}
    model.skeleton.parent.mkdir(exist_ok=True)
    Skeleton(files, tensors).save(model.skeleton)
    _check(model, path, facts)
    zoo.record(model.name, zoo.Facts(contents.nodes, tuple(facts)))

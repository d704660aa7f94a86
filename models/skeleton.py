"""The skeleton format: a model's files with the large parameters cut out.

An .xz file of one JSON line and the bytes that were not cut, end to end:

    {"files": [{"name": "bert_base.onnx", "parts": [PART, …]}, …],
     "tensors": {NAME: {"shape": […], "mean": M, "std": S, "dtype": D}, …}}

A PART is a number (that many of the kept bytes come here), a tensor's name (its
values by the recipe come here) or [NAME, PERM] (the same, transposed).  A tied
parameter stands in several places under one name.  Nothing in it knows protobuf:
a rebuilt file is the exported one byte for byte, whatever library wrote that.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

import recipe
from recipe import Recipe


@dataclass(frozen=True)
class Cut:
    """A place where a tensor was cut out; perm transposes what the recipe draws."""

    tensor: str
    perm: tuple[int, ...] | None = None


@dataclass
class File:
    """A file as kept bytes and cuts, in order."""

    name: str
    parts: list[bytes | Cut] = field(default_factory=list)


@dataclass
class Skeleton:
    """A model's files, model file last, and the recipes of what was cut."""

    files: list[File]
    tensors: dict[str, Recipe]

    def save(self, path: Path) -> None:
        """Write the skeleton."""
        kept: list[bytes] = []
        files = []
        for file in self.files:
            parts: list[int | str | list] = []
            for part in file.parts:
                if isinstance(part, bytes):
                    kept.append(part)
                    parts.append(len(part))
                elif part.perm:
                    parts.append([part.tensor, part.perm])
                else:
                    parts.append(part.tensor)
            files.append({"name": file.name, "parts": parts})
        tensors = {name: asdict(tensor) for name, tensor in self.tensors.items()}
        for tensor in tensors.values():
            del tensor["name"]
        index = json.dumps({"files": files, "tensors": tensors}, ensure_ascii=False)
        body = b"".join([index.encode(), b"\n", *kept])
        path.write_bytes(lzma.compress(body, preset=9 | lzma.PRESET_EXTREME))

    @classmethod
    def load(cls, path: Path) -> Skeleton:
        """Read a skeleton."""
        index, _, kept = lzma.decompress(path.read_bytes()).partition(b"\n")
        table = json.loads(index)
        tensors = {
            name: Recipe(name, tuple(tensor.pop("shape")), **tensor)
            for name, tensor in table["tensors"].items()
        }
        files, at = [], 0
        for entry in table["files"]:
            file = File(entry["name"])
            for part in entry["parts"]:
                if isinstance(part, int):
                    file.parts.append(kept[at : at + part])
                    at += part
                elif isinstance(part, str):
                    file.parts.append(Cut(part))
                else:
                    file.parts.append(Cut(part[0], tuple(part[1])))
            files.append(file)
        return cls(files, tensors)

    def pieces(self, file: File) -> Iterator[Callable[[], bytes | np.ndarray]]:
        """Yield calls that give a file's bytes, in order, each at most a tensor."""
        for part in file.parts:
            if isinstance(part, bytes):
                yield lambda part=part: part
                continue
            tensor = self.tensors[part.tensor]
            if part.perm:
                yield lambda tensor=tensor, perm=part.perm: (
                    recipe.draw(tensor).transpose(perm).copy()
                )
                continue
            for index in range(tensor.chunks):
                yield lambda tensor=tensor, index=index: recipe.chunk(tensor, index)

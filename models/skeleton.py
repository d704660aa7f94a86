"""The skeleton format: a model's files with the large parameters cut out.

An .xz file of one JSON line and the bytes that were not cut, end to end:

    {"files": [{"name": "bert_base.onnx", "parts": [PART, …]}, …],
     "tensors": {NAME: {"shape": […], "mean": M, "std": S, "dtype": D}, …}}

A PART is a number (that many of the kept bytes come here) or a tensor's name (its
values by the recipe come here).  A tied parameter that the exporter wrote twice
stands in two places under one name.  Nothing in it knows protobuf: a rebuilt file
is the exported one byte for byte, whatever library wrote that.
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


@dataclass
class File:
    """A file as kept bytes and names of cut tensors, in order."""

    name: str
    parts: list[bytes | str] = field(default_factory=list)


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
            parts = [len(p) if isinstance(p, bytes) else p for p in file.parts]
            kept += [part for part in file.parts if isinstance(part, bytes)]
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
                else:
                    file.parts.append(part)
            files.append(file)
        return cls(files, tensors)

    def pieces(self, file: File) -> Iterator[Callable[[], bytes | np.ndarray]]:
        """Yield calls that give a file's bytes, in order, each at most a chunk."""
        for part in file.parts:
            if isinstance(part, bytes):
                yield lambda part=part: part
                continue
            tensor = self.tensors[part]
            for index in range(tensor.chunks):
                yield lambda tensor=tensor, index=index: recipe.chunk(tensor, index)

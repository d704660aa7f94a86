"""Rebuild the zoo's models from their skeletons, byte for byte.

    python models/materialize.py NAME... | --all [--out DIR]
    python models/materialize.py --list

Needs NumPy only.  Each file is checked against the registry's SHA-256, then renamed
into place, the model file last.  A model that is already there is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import zoo
from skeleton import File, Skeleton

BUILT = zoo.HERE / "built"
_WORKERS = os.cpu_count() or 1
_AHEAD = 8 * _WORKERS
"""Pieces in flight; bounds the memory to about this many chunks."""


class Progress:
    """A line on standard error, only where that is a terminal."""

    def __init__(self, label: str, total: int) -> None:
        """Start at none of total bytes."""
        self.label, self.total, self.done, self.shown = label, total, 0, -1
        self.active = sys.stderr.isatty()

    def add(self, count: int) -> None:
        """Count bytes as done."""
        self.done += count
        percent = 100 * self.done // max(self.total, 1)
        if self.active and percent != self.shown:
            self.shown = percent
            text = f"\r{self.label}  {percent:3d} %  of {self.total / 1e6:.1f} MB"
            print(text, end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Clear the line."""
        if self.active:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _computed(skeleton: Skeleton, file: File) -> Iterator[bytes | np.ndarray]:
    """Yield a file's bytes, computed by threads, in order."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        running: deque = deque()
        for piece in skeleton.pieces(file):
            running.append(pool.submit(piece))
            if len(running) >= _AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def write_file(skeleton: Skeleton, file: File, path: Path, progress: Progress) -> str:
    """Write one file of a skeleton to path and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as stream:
        for data in _computed(skeleton, file):
            view = memoryview(data).cast("B")
            digest.update(view)
            while view:
                written = stream.write(view)
                progress.add(written)
                view = view[written:]
    return digest.hexdigest()


def _stamp(model: zoo.Model, out: Path) -> str:
    """Return what a stamp says of the files as they lie in out; '' if one lacks."""
    try:
        stats = {f.name: (out / f.name).stat() for f in model.facts.files}
    except FileNotFoundError:
        return ""
    if any(stats[f.name].st_size != f.size for f in model.facts.files):
        return ""
    return json.dumps([[vars(f), stats[f.name].st_mtime_ns] for f in model.facts.files])


def is_built(model: zoo.Model, out: Path = BUILT) -> bool:
    """Tell cheaply (size, time, stamp) whether a model lies in out."""
    stamp, now = out / f".{model.name}.stamp", _stamp(model, out)
    return bool(now) and stamp.exists() and stamp.read_text() == now


def materialize(name: str, out: Path = BUILT) -> Path:
    """Build a model in out, unless it is there, and return its .onnx's path."""
    model = zoo.MODELS[name]
    target = out / model.facts.files[-1].name
    if is_built(model, out):
        return target
    out.mkdir(parents=True, exist_ok=True)
    skeleton = Skeleton.load(model.skeleton)
    progress = Progress(name, model.facts.size)
    temporary = [out / f".{f.name}.{os.getpid()}.part" for f in skeleton.files]
    try:
        for file, path, fact in zip(skeleton.files, temporary, model.facts.files, strict=True):
            if write_file(skeleton, file, path, progress) != fact.sha256:
                raise ValueError(f"{file.name}: SHA-256 is not the registry's")
        for file, path in zip(skeleton.files, temporary, strict=True):
            path.replace(out / file.name)
        (out / f".{name}.stamp").write_text(_stamp(model, out))
    finally:
        progress.close()
        for path in temporary:
            path.unlink(missing_ok=True)
    return target


def _list(out: Path) -> None:
    """Print the zoo, one model a line."""
    for model in zoo.MODELS.values():
        state = "built" if is_built(model, out) else ""
        extra = "  (extra)" if model.extra else ""
        print(
            f"{model.name:22}{model.family:10}{model.facts.nodes:6d} nodes"
            f"{model.facts.size / 1e6:9.1f} MB  {state}{extra}"
        )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Rebuild the zoo's models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model of the zoo")
    parser.add_argument("--all", action="store_true", help="every model")
    parser.add_argument("--list", action="store_true", help="list the models")
    parser.add_argument("--out", type=Path, default=BUILT, help="folder (%(default)s)")
    options = parser.parse_args()
    if options.list:
        _list(options.out)
        return 0
    names = zoo.names() if options.all else options.names
    unknown = [name for name in names if name not in zoo.MODELS]
    if unknown or not names:
        parser.error(f"no such model: {unknown[0]}" if unknown else "no model named")
    for name in names:
        try:
            print(materialize(name, options.out))
        except (OSError, ValueError) as error:
            print(f"materialize: {name}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

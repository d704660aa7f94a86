"""Check that every #include goes to the file's own layer or to one below it.

The order is the design (docs/contributing/design.md).  Also: files of the command line and the
examples include the public header and the C library, nothing of ours besides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = "onnxslim.h"
LAYERS = (
    "base", "ir", "ops", "onnx", "infer", "eval", "rewrite", "passes", "target", "runtime",
)  # fmt: skip
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def rank(layer: str) -> int:
    """Return the height of a layer; src/api.c and what else lies in src/ is on top."""
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def includes(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line, opening bracket, name) of every #include of a file."""
    text = path.read_text()
    for found in _INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1], found[2]


def library_errors(path: Path, source: Path) -> Iterator[str]:
    """Yield what is wrong with the includes of a file of the library."""
    parts = path.relative_to(source).parts
    own = parts[0] if len(parts) > 1 else "api"
    if len(parts) > 1 and own not in LAYERS:
        yield f"{path}: {own}/ is no layer"
        return
    for line, bracket, name in includes(path):
        if bracket == "<" or name == PUBLIC:
            continue
        beside = path.parent / name
        target = name if (source / name).exists() else None
        if not target and beside.exists():
            target = beside.resolve().relative_to(source.resolve()).as_posix()
        if not target:
            yield f"{path}:{line}: {name} is in no layer"
            continue
        layer = target.split("/")[0] if "/" in target else "api"
        if rank(layer) > rank(own):
            yield f"{path}:{line}: {own} must not include {target}"


def client_errors(path: Path, root: Path) -> Iterator[str]:
    """Yield what is wrong with the includes of a client of the library."""
    for line, bracket, name in includes(path):
        beside = bracket == '"' and (path.parent / name).exists() and "/" not in name
        ours = name != PUBLIC and (root / "src" / name).exists()
        if ours or (bracket == '"' and not beside and name != PUBLIC):
            yield f"{path}:{line}: clients include <{PUBLIC}> only, not {name}"


def errors(root: Path = ROOT) -> list[str]:
    """Return everything that is wrong below root."""
    found = []
    for path in sorted((root / "src").rglob("*.[ch]")):
        found += library_errors(path, root / "src")
    for folder in ("cli", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            found += client_errors(path, root)
    return found


def main() -> int:
    """Print the errors; 1 if there are any."""
    found = errors()
    for error in found:
        print(error, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

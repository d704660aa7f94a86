"""Write the seeds of a fuzz target (wire, rules, pipeline) into a folder: models of golden cases, texts of rules.

    python fuzz/seeds.py TARGET FOLDER

`make fuzz-corpus` keeps of them, and of what runs have found, the few that reach everything the others do.
"""

from __future__ import annotations

import argparse
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import golden  # noqa: E402  (found through the line above)

LARGEST = 4096


def models() -> Iterator[bytes]:
    """Yield the small models of the golden cases."""
    for path in sorted((ROOT / "tests" / "golden").rglob("*.txt")):
        model = golden.parse_case(path).model.SerializeToString()
        if len(model) <= LARGEST:
            yield model


def rules() -> Iterator[bytes]:
    """Yield match and replacement of every rule that is a pattern."""
    pair = re.compile(r'\.match = ((?:\s*"[^"]*")+)(?:,\s*\.replace = ((?:\s*"[^"]*")+))?')
    for path in sorted((ROOT / "src" / "passes").rglob("*.c")):
        for found in pair.finditer(path.read_text()):
            lines = ("".join(re.findall(r'"([^"]*)"', text or "")) for text in found.groups())
            yield "\n".join(lines).encode()


def seeds(target: str) -> Iterator[bytes]:
    """Yield the seeds of a target."""
    if target == "rules":
        yield from rules()
    for model in models() if target != "rules" else ():
        options = bytes([zlib.crc32(model) & 255]) if target == "pipeline" else b""
        yield options + model


def main() -> None:
    """Write one file per seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=["wire", "rules", "pipeline"])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(args.target)):
        (args.folder / f"{number:04}").write_bytes(seed)


if __name__ == "__main__":
    main()

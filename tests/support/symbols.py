"""What the public header says (version, functions), and what a library defines."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

HEADER = (Path(__file__).resolve().parents[2] / "include" / "onnxslim.h").read_text()
VERSION = re.search(r'ONNXSLIM_VERSION "(.+)"', HEADER)[1]
SONAME = f"libonnxslim.so.{VERSION.split('.')[0]}"


def declared() -> set[str]:
    """The functions the public header declares."""
    return set(re.findall(r"ONNXSLIM_API[^;(]*?(onnxslim_\w+)\(", HEADER))


def defined(*args: str | Path) -> set[str]:
    """What nm lists as defined for all to see, the names of versions left out."""
    listed = subprocess.run(
        ["nm", "--defined-only", *args], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1].isupper() and row[1] != "A"}

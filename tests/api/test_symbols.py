"""What a program that links the library can see: onnxslim_* and nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.plain
ROOT = Path(__file__).resolve().parents[2]

HEADER = (ROOT / "include" / "onnxslim.h").read_text()
SONAME = "libonnxslim.so." + re.search(r'ONNXSLIM_VERSION "(\d+)\.', HEADER)[1]


def declared() -> set[str]:
    """The functions the public header declares."""
    return set(re.findall(r"ONNXSLIM_API[^;(]*?(onnxslim_\w+)\(", HEADER))


def defined(*args) -> set[str]:
    listed = subprocess.run(["nm", *args], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listed.stdout.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1].isupper()}


@pytest.mark.parametrize("library", ["libonnxslim.a", SONAME])
def test_exports_are_the_header(build, library):
    options = ["-D"] if ".so" in library else ["-g"]
    assert defined(*options, "--defined-only", build / library) == declared()


def test_needs_libc_only(build):
    read = subprocess.run(
        ["readelf", "-d", build / SONAME],
        capture_output=True,
        text=True,
        check=True,
    )
    needed = set(re.findall(r"NEEDED.*\[(.+?)\]", read.stdout))
    assert needed <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"} | {
        name for name in needed if name.startswith("ld-linux")
    }
    assert re.search(rf"SONAME.*\[{re.escape(SONAME)}\]", read.stdout)

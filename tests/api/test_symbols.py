"""What a program that links the library can see: onnxslim_* and nothing else."""

from __future__ import annotations

import re
import subprocess

import pytest

from symbols import SONAME, declared, defined

pytestmark = pytest.mark.plain


def test_the_archive_defines_the_header(build):
    assert defined("-g", build / "libonnxslim.a") == declared()


def test_the_shared_library_exports_the_header_with_its_version(build):
    assert defined("-D", build / SONAME) == {f"{name}@@ONNXSLIM_1.0" for name in declared()}


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

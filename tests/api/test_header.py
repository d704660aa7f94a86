"""The public header is strict C99, C11 and C++, alone and twice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """#include <onnxslim.h>
#include <onnxslim.h>
int main(void) { return ONNXSLIM_VERSION[0] == 0 ? ONNXSLIM_ERR_USAGE : ONNXSLIM_OK; }
"""
LANGUAGES = [
    ("gcc", "c", "c99"), ("gcc", "c", "c11"), ("g++", "c++", "c++98"), ("g++", "c++", "c++17"),
]  # fmt: skip


@pytest.mark.parametrize(("compiler", "language", "standard"), LANGUAGES)
def test_header_compiles(tmp_path, compiler, language, standard):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed here")
    source = tmp_path / "program"
    source.write_text(PROGRAM)
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-pedantic-errors", "-Werror"]
    if standard == "c++98":
        flags.append("-Wno-long-long")  # <stdint.h> itself needs it
    subprocess.run(
        [compiler, *flags, "-x", language, "-I", ROOT / "include", "-c", source]
        + ["-o", tmp_path / "program.o"],
        check=True,
    )

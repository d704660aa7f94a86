"""Put the newest kernels of ONNX Runtime's CPU provider into src/ops/ops.def.

    python tools/ort_kernels.py          rewrite the column `kernel`
    python tools/ort_kernels.py --check  only tell whether it is up to date

The column is the newest version of an operator's definition that the installed ONNX Runtime
has a kernel for; 0 is none. It runs newer ones only if it can take them apart, in more nodes.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from onnxruntime.capi import onnxruntime_pybind11_state as ort

OPS = Path(__file__).resolve().parent.parent / "src" / "ops" / "ops.def"
OPEN_END = 2**31 - 1
_ROW = re.compile(
    r'^(OP\((\w+), "([\w.]*)",(?: -?\d+,){4} VERSIONS\(([\d, ]+)\), )\d+(, .*\))$', re.MULTILINE
)


def kernels() -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return the ranges of versions of all kernels, by domain and operator."""
    found = defaultdict(list)
    for kernel in ort.get_all_opkernel_def():
        if kernel.provider == "CPUExecutionProvider":
            domain = "" if kernel.domain == "ai.onnx" else kernel.domain
            found[domain, kernel.op_name].append(kernel.version_range)
    return found


def runs(version: int, ranges: list[tuple[int, int]]) -> bool:
    """Tell whether a kernel takes this definition; one without end takes its first only."""
    return any(
        first == version or (first < version <= last and last != OPEN_END) for first, last in ranges
    )


def newest(versions: list[int], ranges: list[tuple[int, int]]) -> int:
    """Return the newest definition that has a kernel."""
    return max((v for v in versions if runs(v, ranges)), default=0)


def filled(text: str) -> str:
    """Return ops.def with the column as the installed ONNX Runtime has it."""
    known = kernels()

    def row(found: re.Match) -> str:
        versions = [int(v) for v in found[4].split(",")]
        return f"{found[1]}{newest(versions, known[found[3], found[2]])}{found[5]}"

    return _ROW.sub(row, text)


def main() -> int:
    """Rewrite or check the column."""
    text = OPS.read_text()
    now = filled(text)
    if "--check" not in sys.argv[1:]:
        OPS.write_text(now)
    elif now != text:
        print(f"{OPS}: the kernels are those of another ONNX Runtime")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

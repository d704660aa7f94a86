"""The Python package beside its peers: results/python.json and results/python.md.

    python bench/python/run.py [--build build] [--runs 7]

Whole processes (interpreter start, import, path in, a new file out) on mobilenetv3_small, in turn: ours, OnnxSlim,
onnxsim; and slim() after the import on deit_small, with paths and with a ModelProto, ours and OnnxSlim. Medians, and
the ratio of the medians. All run on the same interpreter and packages (requirements/peers.txt); ours lies in python/
and stands in front.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.py")
RESULTS = ROOT / "results"
WHOLE, INSIDE = "mobilenetv3_small", "deit_small"
OURS = "ours"
SLIM = "import sys, onnxslim; onnxslim.slim(*sys.argv[1:])"
SCRIPTS = {
    OURS: SLIM,
    "OnnxSlim": SLIM,
    "onnxsim": "import sys, onnx, onnxsim; onnx.save(onnxsim.simplify(sys.argv[1])[0], sys.argv[2])",
}
"""What a user's script does; the arguments are paths."""
GATES = {
    ("process", "OnnxSlim"): 8,
    ("process", "onnxsim"): 20,
    ("file", "OnnxSlim"): 30,
}


def environment(who: str, build: Path) -> dict[str, str]:
    """Return the environment in which `import onnxslim` finds the right one, compiled as an installed one is."""
    away = {"PYTHONPATH", "ONNXSLIM_LIBRARY", "PYTHONDONTWRITEBYTECODE"}
    plain = {key: value for key, value in os.environ.items() if key not in away}
    if who != OURS:
        return plain
    library = str((build / "libonnxslim.so").resolve())
    return {**plain, "PYTHONPATH": str(ROOT / "python"), "ONNXSLIM_LIBRARY": library}


def work(who: str, build: Path, *arguments: object) -> tuple[float, str]:
    """Run Python; return its elapsed seconds and what it printed."""
    command = [sys.executable, *map(str, arguments)]
    start = time.perf_counter()
    done = subprocess.run(
        command, env=environment(who, build), capture_output=True, text=True, check=True
    )
    return time.perf_counter() - start, done.stdout


def measure(build: Path, models: Path, runs: int) -> dict[str, dict[str, list[float]]]:
    """Measure in turn, after one round that warms the caches."""
    found: dict[str, dict[str, list[float]]] = {"process": {who: [] for who in SCRIPTS}}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.onnx"
        for i in range(runs + 1):
            for who, seconds in found["process"].items():
                out.unlink(missing_ok=True)
                took, _ = work(who, build, "-c", SCRIPTS[who], models / f"{WHOLE}.onnx", out)
                if i:
                    seconds.append(took)
        for call in ("file", "proto"):
            found[call] = {}
            for who in (OURS, "OnnxSlim"):
                _, printed = work(who, build, WORKER, call, models / f"{INSIDE}.onnx", out, runs)
                found[call][who] = json.loads(printed)
    return found


def table(found: dict) -> str:
    """Return the page."""
    lines = [
        "# The Python package beside its peers",
        "",
        f"{found['machine']['processor']}, Python {found['machine']['python']}, medians of {found['runs']} runs, "
        f"{found['machine']['date']}. `make python-bench` measures it anew.",
        "",
        "| what | who | seconds | times ours | asked for |",
        "| --- | --- | --: | --: | --: |",
    ]
    titles = {
        "process": f"`import` and `slim(path, path)` on {WHOLE}, whole process",
        "file": f"`slim(path, path)` on {INSIDE}, after the import",
        "proto": f"`slim(ModelProto)` on {INSIDE}, after the import (protobuf's own serialization included)",
    }
    for kind, rows in found["seconds"].items():
        ours = statistics.median(rows[OURS])
        for who, seconds in rows.items():
            median = statistics.median(seconds)
            gate = GATES.get((kind, who))
            asked = f"≥ {gate}" if gate else ""
            times = f"{median / ours:.1f}" if who != OURS else ""
            lines.append(f"| {titles[kind]} | {who} | {median:.3f} | {times} | {asked} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Return the name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> int:
    """Measure, write both files, and say whether what was asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--models", type=Path, default=ROOT / "models" / "built")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }
    seconds = measure(options.build, options.models, options.runs)
    found = {"machine": machine, "runs": options.runs, "seconds": seconds}
    (RESULTS / "python.json").write_text(json.dumps(found, indent=1) + "\n")
    page = table(found)
    (RESULTS / "python.md").write_text(page)
    print(page)
    ratios = {
        (kind, who): statistics.median(seconds[kind][who]) / statistics.median(seconds[kind][OURS])
        for kind, who in GATES
    }
    missed = [gate for gate, ratio in ratios.items() if ratio < GATES[gate]]
    for kind, who in missed:
        print(
            f"missed: {kind} against {who}: {ratios[kind, who]:.1f}, {GATES[kind, who]} is asked for"
        )
    return len(missed) > 0


sys.exit(main())

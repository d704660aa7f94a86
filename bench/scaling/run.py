"""Time per node from a thousand nodes to a million: results/scaling.json and results/scaling.svg.

    python bench/scaling/run.py [--build build] [--sizes 1000,10000,100000,1000000] [--plot]

Per model and size the mean processor time (user and system) of the whole process and the best elapsed time over
enough runs that each size gets about the same number of nodes; and the peak of its resident memory. --plot only draws
what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import stacks

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "scaling.json"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
NODES_PER_SIZE, MOST_RUNS = 300_000, 100


def run(command: list) -> tuple[float, float, int]:
    """Run a command; return its processor seconds, elapsed seconds and peak bytes."""
    start = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, command)
    elapsed = time.perf_counter() - start
    return usage.ru_utime + usage.ru_stime, elapsed, usage.ru_maxrss * 1024


def measure(tool: Path, folder: Path, kind: str, size: int) -> dict:
    """Measure one model."""
    source, out, report = (folder / f"{kind}.{n}" for n in ("onnx", "out.onnx", "json"))
    nodes = stacks.write(source, kind, size)
    runs = max(1, min(MOST_RUNS, NODES_PER_SIZE // nodes))
    done = [run([tool, source, out, "-q", f"--json={report}"]) for _ in range(runs)]
    after = json.loads(report.read_text())["nodes"]["after"]
    for path in (source, out, report):
        path.unlink()
    cpu = sum(d[0] for d in done) / runs
    row = {
        "model": kind,
        "nodes": nodes,
        "nodes_after": after,
        "runs": runs,
        "cpu_seconds": round(cpu, 6),
        "best_seconds": round(min(d[1] for d in done), 6),
        "peak_bytes": max(d[2] for d in done),
    }
    print(f"{kind:12} {nodes:8} nodes  {cpu / nodes * 1e6:6.2f} us per node", flush=True)
    return row


def spread(rows: list[dict], kind: str) -> float:
    """Return the largest time per node over the smallest."""
    each = [r["cpu_seconds"] / r["nodes"] for r in rows if r["model"] == kind]
    return max(each) / min(each)


def plot(result: dict, path: Path) -> None:
    """Draw processor time per node against the number of nodes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "onnxslim"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for kind in stacks.KINDS:
        rows = [r for r in result["rows"] if r["model"] == kind]
        each = [r["cpu_seconds"] / r["nodes"] * 1e6 for r in rows]
        label = f"{kind} ({result['spread'][kind]:.2f}x from end to end)"
        axes.plot([r["nodes"] for r in rows], each, marker="o", label=label)
    axes.set(xscale="log", xlabel="nodes", ylabel="processor time per node (µs)")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--sizes", type=lambda s: [int(n) for n in s.split(",")], default=SIZES)
    parser.add_argument("--plot", action="store_true", help="draw only")
    args = parser.parse_args()
    if not args.plot:
        folder = ROOT / args.build / "scaling"
        folder.mkdir(parents=True, exist_ok=True)
        tool = ROOT / args.build / "onnxslim"
        rows = [measure(tool, folder, kind, size) for kind in stacks.KINDS for size in args.sizes]
        result = {
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "page_bytes": resource.getpagesize(),
            "spread": {kind: round(spread(rows, kind), 3) for kind in stacks.KINDS},
            "rows": rows,
        }
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    result = json.loads(RESULTS.read_text())
    plot(result, RESULTS.with_suffix(".svg"))
    for kind, ratio in result["spread"].items():
        print(f"{kind}: time per node within {ratio:.2f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure the zoo and write results/zoo.json, which README.md is filled from.

    python tools/measure.py [--build build] [NAME...]

Per model: nodes and bytes before and after; the whole process against `cp` of the
same file to a new file on the same disk, interleaved, warm cache, no fsync on either
side, the median of --runs; the memory of the process at its worst; and the
differences in ONNX Runtime that the zoo tests left in build/zoo/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "zoo.json"
sys.path.insert(0, str(ROOT / "models"))

import materialize  # noqa: E402  (found through the line above)
import process  # noqa: E402
import zoo  # noqa: E402
from machine import machine  # noqa: E402


def timed(command: list) -> float:
    """Run a command to its end and return the seconds it took."""
    start = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def memory(command: list) -> dict[str, int]:
    """Run a command and return the largest bytes of each kind of memory it held."""
    ended = process.watched(command)
    if ended.code:
        raise subprocess.CalledProcessError(ended.code, command)
    return ended.memory


def files_of(source: Path) -> list[Path]:
    """Return the files of a model of the zoo."""
    return [source.parent / f.name for f in zoo.MODELS[source.stem].facts.files]


def turns(files: list[Path], tool: list, work: Path, runs: int) -> list[tuple[float, float]]:
    """Return the seconds of `cp` of a model's files and of the optimizer, turn about.

    Each writes new files into an empty folder: what the other one left would have to be thrown out of memory.
    """
    pairs = []
    for _ in range(runs + 1):  # the first warms the cache
        seconds = []
        copies = [["cp", "--reflink=never", f, work / f"copy.{f.name}"] for f in files]
        for commands in (copies, [tool]):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            seconds.append(sum(timed(c) for c in commands))
        pairs.append((seconds[0], seconds[1]))
    return pairs[1:]


def medians(files: list[Path], tool: list, work: Path, runs: int) -> dict[str, float]:
    """Return the median seconds of both."""
    copies, ours = zip(*turns(files, tool, work, runs), strict=True)
    return {"onnxslim": statistics.median(ours), "cp": statistics.median(copies)}


def fingerprint(file: Path) -> str:
    """Return what tells one build of a program from another."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def measure(name: str, build: Path, runs: int) -> dict:
    """Return everything about one model."""
    source, work = materialize.materialize(name), build / "measure"
    out, report = work / source.name, work / "report.json"
    tool = [build / "onnxslim", source, out, "-q"]
    seconds = medians(files_of(source), tool, work, runs)
    shutil.rmtree(work)  # external data of an earlier run would stay beside the next one's
    work.mkdir()
    held = memory([*tool, "--json", report])
    said = json.loads(report.read_text())
    record = {
        "nodes": said["nodes"],
        "bytes": {
            "before": zoo.MODELS[name].facts.size,
            "after": sum(p.stat().st_size for p in out.parent.glob(f"{name}*")),
        },
        "seconds": seconds,
        "memory": held,
    }
    accuracy = build / "zoo" / f"{name}.json"
    if accuracy.exists():
        record["accuracy"] = json.loads(accuracy.read_text())
    shutil.rmtree(work)
    return record


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure the zoo.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {}
    for name in options.names or zoo.names():
        known[name] = measure(name, options.build.resolve(), options.runs)
        took, copy = (known[name]["seconds"][k] for k in ("onnxslim", "cp"))
        nodes = known[name]["nodes"]
        print(
            f"{name:22}{nodes['before']:6d} -> {nodes['after']:5d} nodes"
            f"{1000 * took:9.1f} ms{took / copy:6.2f} x cp",
            flush=True,
        )
    ordered = {name: known[name] for name in zoo.names() if name in known}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine(), "models": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    main()

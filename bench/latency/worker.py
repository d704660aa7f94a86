"""One process of a latency measurement: python bench/latency/worker.py JOB prints one line of JSON.

All models are open in the same process and run in turn. The order is another one in every round, so that none
always runs behind the same neighbour, and models are opened in the order given, which the caller changes.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

import numeric

STOP_SPINNING = {"session.force_spinning_stop": "1"}
"""The threads of one model must not spin while the next one runs."""
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}
"""Processor time is what is left to look at on a machine that others use, too; for one thread only."""


def session(path: str, job: dict) -> tuple[ort.InferenceSession, float]:
    """Open a model; return how many seconds that took, too."""
    start = time.perf_counter()
    opened = numeric.session(Path(path), job["level"], job["threads"], entries=STOP_SPINNING)
    return opened, time.perf_counter() - start


def orders(names: list[str], rounds: int) -> Iterator[list[str]]:
    """Yield an order per round: rotated by one each time, and reversed every other round."""
    for r in range(rounds):
        shift = (r // 2) % len(names)
        turned = names[shift:] + names[:shift]
        yield turned[::-1] if r % 2 else turned


def measure(job: dict) -> dict:
    """Return the seconds to open each model, and those of each of its runs."""
    with np.load(job["feeds"]) as stored:
        feeds = {name: stored[name] for name in stored.files}
    opened, create = {}, {}
    session(next(iter(job["models"].values())), job)  # what the first one pays for all is nobody's
    for name, path in job["models"].items():
        opened[name], create[name] = session(path, job)
    used = {n: {i.name: feeds[i.name] for i in s.get_inputs()} for n, s in opened.items()}
    runs: dict[str, list[float]] = {name: [] for name in opened}
    clock = CLOCKS[job["clock"]]
    gc.disable()
    for order in orders(list(opened), job["warmup"] + job["runs"]):
        for name in order:
            start = clock()
            opened[name].run(None, used[name])
            runs[name].append(clock() - start)
    return {"create": create, "runs": {n: times[job["warmup"] :] for n, times in runs.items()}}


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))

"""Random models before and after, in ONNX Runtime: `make fuzz-differential`.

    python fuzz/differential.py [--build build] [--seeds FIRST:LAST] [--jobs N] [FLAG...]

Flags are the command line's; --freeze by itself gives every named dim the size it has in the run.

A difference is shrunk and written as a golden case into build/fuzz/, named after its seed.  Without one, and given
--record, the range of seeds goes into results/fuzz.json.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

import graphs  # noqa: E402  (found through the line above)
import numeric  # noqa: E402
import record  # noqa: E402
import reduce as reducer  # noqa: E402

TOLERANCE = 1e-4
"""Of the largest output, at least of 1: inputs are small integers, so that little rounds at all."""
BLOCK = 8
"""Seeds that a process tries at a time."""
DEAD = "dead"
"""What became of a process."""


class InvalidError(Exception):
    """The generator made something that ONNX Runtime does not run: no case."""


@dataclass(frozen=True)
class Fuzzer:
    """Optimises models and compares."""

    tool: Path
    work: Path
    flags: tuple[str, ...] = ()

    def optimise(self, model: onnx.ModelProto) -> tuple[onnx.ModelProto | None, str]:
        """Return what onnxslim makes of a model, twice; and what it says if it fails."""
        paths = [self.work / f"{name}.onnx" for name in ("in", "out", "again")]
        onnx.save(model, paths[0])
        flags = [sizes(model) if flag == "--freeze" else flag for flag in self.flags]
        for source, out in itertools.pairwise(paths):
            command = [self.tool, source, out, "-q", "--verify-each", *flags]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode:
                return None, f"exit {done.returncode}: {done.stderr.strip()}"
        if paths[1].read_bytes() != paths[2].read_bytes():
            return None, "a second run changes the model"
        return onnx.load(paths[1]), ""

    def verdict(self, model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> str:
        """Return what is wrong with the optimised model, "" if nothing."""
        try:
            onnx.checker.check_model(model, full_check=True)
        except Exception as error:
            raise InvalidError(str(error).splitlines()[0]) from error
        wanted = run(model, feeds)
        ours, failed = self.optimise(model)
        if ours is None:
            return failed
        try:
            onnx.checker.check_model(ours, full_check=True)
        except Exception as error:
            return f"invalid: {str(error).splitlines()[0]}"
        try:
            got = run(ours, feeds)
        except InvalidError as error:
            return f"does not run: {error}"
        return compare(wanted, got)

    def fails(self, model: onnx.ModelProto, feeds: dict[str, np.ndarray], like: str) -> bool:
        """Tell whether a model fails in the same way as another one did."""
        try:
            found = self.verdict(model, feeds)
        except (InvalidError, subprocess.TimeoutExpired):
            return False
        return bool(found) and kind(found) == kind(like)


def sizes(model: onnx.ModelProto) -> str:
    """Return the flag that freezes a model: inputs' named dims are called after their size."""
    dims = [d.dim_param for i in model.graph.input for d in i.type.tensor_type.shape.dim]
    named = sorted({d for d in dims if d})
    return "--freeze=" + ",".join(f"{d}={graphs.size_of(d)}" for d in named) if named else "-q"


def kind(verdict: str) -> str:
    """Return what a verdict says without where and by how much."""
    return re.sub(r"\binf|\bnan|[-+.\de]+", "", verdict)[:20]


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run a model with ONNX Runtime's optimizer off."""
    try:
        session = numeric.session(model.SerializeToString(), "off", threads=1)
        inputs = [*session.get_inputs(), *session.get_overridable_initializers()]
        return session.run(None, {i.name: feeds[i.name] for i in inputs if i.name in feeds})
    except Exception as error:
        raise InvalidError(str(error).splitlines()[0]) from error


def compare(wanted: list[np.ndarray], got: list[np.ndarray]) -> str:
    """Return how outputs differ, "" if they do not."""
    for i, (a, b) in enumerate(zip(wanted, got, strict=True)):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"output {i} is {b.dtype}{list(b.shape)}, not {a.dtype}{list(a.shape)}"
        finite = np.isfinite(a) if a.dtype.kind == "f" else np.ones(a.shape, bool)
        largest = float(np.max(np.abs(a[finite]), initial=1.0)) if a.dtype.kind == "f" else 0.0
        diff = numeric.max_diff(a, b)
        if not diff <= TOLERANCE * largest:
            return f"output {i} differs by {diff:.2g}"
    return ""


def intermediate(case: reducer.Case) -> dict[str, np.ndarray]:
    """Return every value a model computes in its main graph, as far as ONNX Runtime tells."""
    model, feeds = reducer.copy(case)
    names = [o for node in model.graph.node for o in node.output if o]
    declared = {v.name for v in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in declared)
    try:
        values = run(model, feeds)
    except InvalidError:
        return dict(feeds)
    found = dict(zip([v.name for v in model.graph.output], values, strict=True))
    return {**feeds, **{k: v for k, v in found.items() if isinstance(v, np.ndarray)}}


def golden(model: onnx.ModelProto, seed: int, verdict: str, flags: tuple[str, ...]) -> str:
    """Return a golden case; its `out` is filled in once the bug is mended."""
    text = onnx.printer.to_text(model)
    head = f"# Found by fuzzing with seed {seed}: {verdict}.\n"
    return (
        f"{head}flags: {' '.join(flags)}\n--- in\n{text}\n" if flags else f"{head}--- in\n{text}\n"
    )


def try_seed(tool: Path, build: Path, flags: tuple[str, ...], seed: int) -> tuple[int, str | None]:
    """Return a seed with its verdict: None for no case, "" for no difference."""
    work = build / "fuzz" / f"work-{seed}-{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    fuzzer = Fuzzer(tool, work, flags)
    model = graphs.make(seed)
    feeds = graphs.feeds(model, seed)
    try:
        verdict = fuzzer.verdict(model, feeds)
        if verdict:
            holds = partial(fuzzer.fails, like=verdict)
            small = reducer.reduce((model, feeds), holds, intermediate)
            (build / "fuzz" / f"{seed}.txt").write_text(golden(small[0], seed, verdict, flags))
            onnx.save(small[0], build / "fuzz" / f"{seed}.onnx")
    except InvalidError:
        verdict = None
    for path in work.iterdir():
        path.unlink()
    work.rmdir()
    return seed, verdict


def alone(task: Callable, *args):
    """Return what a task returns, DEAD if its process does not survive it."""
    with ProcessPoolExecutor(1) as pool:
        try:
            return pool.submit(task, *args).result()
        except BrokenProcessPool:
            return DEAD


def runs(seed: int) -> bool:
    """Tell whether ONNX Runtime runs the model of a seed."""
    model = graphs.make(seed)
    try:
        run(model, graphs.feeds(model, seed))
    except InvalidError:
        return False
    return True


def verdicts(trial: Callable, seeds: Sequence[int], jobs: int) -> Iterator[tuple[int, str | None]]:
    """Yield the verdicts of seeds; a model that kills ONNX Runtime is no case, unless only ours does."""
    blocks = [seeds[i : i + BLOCK] for i in range(0, len(seeds), BLOCK)]
    while blocks:
        with ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(try_seeds, trial, block) for block in blocks]
            try:
                while waiting:
                    yield from waiting[0].result()
                    del waiting[0], blocks[0]
            except BrokenProcessPool:  # by this block or by a later one: those are tried again
                pass
        for seed in blocks.pop(0) if blocks else ():
            found = alone(trial, seed)
            died = "our model kills ONNX Runtime" if alone(runs, seed) is True else None
            yield (seed, died) if found is DEAD else found


def try_seeds(trial: Callable, seeds: Sequence[int]) -> list[tuple[int, str | None]]:
    """Return the verdicts of some seeds."""
    return [trial(seed) for seed in seeds]


def sweep(build: Path, seeds: range, jobs: int, flags: tuple[str, ...], done=lambda: None) -> dict:
    """Try all seeds; return how many were cases, and the failures."""
    failures, cases = {}, 0
    trial = partial(try_seed, build / "onnxslim", build, flags)
    for seed, verdict in verdicts(trial, seeds, jobs):
        cases += verdict is not None
        if verdict:
            failures[seed] = verdict
        done()
    return {"cases": cases, "failures": failures}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Compare random models before and after.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seeds", default="0:1000", metavar="FIRST:LAST")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="write results/fuzz.json")
    options, flags = parser.parse_known_args()
    first, _, last = options.seeds.partition(":")
    seeds, count = range(int(first), int(last)), 0

    def done() -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty() or count % 1000 == 0:
            print(f"\r{count} of {len(seeds)}", end="", file=sys.stderr, flush=True)

    found = sweep(options.build.resolve(), seeds, options.jobs, tuple(flags), done)
    print(f"\n{found['cases']} models, {len(found['failures'])} differences", file=sys.stderr)
    for seed, verdict in found["failures"].items():
        print(f"seed {seed}: {verdict} (build/fuzz/{seed}.txt)")
    if options.record and not found["failures"]:
        entry = {
            "seeds": options.seeds,
            "models": found["cases"],
            "onnxruntime": ort.__version__,
        }
        record.record("differential", " ".join(flags) or "default", entry)
    return bool(found["failures"])


if __name__ == "__main__":
    sys.exit(main())

"""The peers and onnxslim on the zoo, one process each, one after the other: `make peers`.

    python bench/peers/run.py [--build build] [--again] [MODEL...]

Three variants of every model: as exported; frozen (batch 1, 128 tokens: every tool is given the model frozen by
ONNX Runtime's own tool; onnxslim does it itself); and frozen with leave to raise the opset.  A result is kept in
results/peers.json as soon as it is known and is not measured again for the same tool and model, so the
command can be stopped and started.  It ends by writing results/peers.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.tools import onnx_model_utils
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "models")]

import materialize  # noqa: E402  (found through the line above)
import measure  # noqa: E402
import process  # noqa: E402
import table  # noqa: E402
import zoo  # noqa: E402
from peer import PEERS, version  # noqa: E402

LIFTS = (17, 20, 23)
"""The opsets onnxsim is offered: LayerNormalization, Gelu and Attention became standard operators there."""
LIFTED_BYTES = 1 << 30
"""Larger models are not lifted: it would take hours to show the same as their smaller sister."""


@dataclass(frozen=True)
class Job:
    """A tool on a variant of a model."""

    model: zoo.Model
    variant: str
    tool: str
    version: str
    command: tuple[str, ...]
    """Without IN and OUT."""
    own_freeze: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        """Where the result is kept."""
        return self.model.name, self.variant, self.tool


def dims(model: zoo.Model) -> dict[str, int]:
    """Return what a model's named dims are frozen to."""
    names = {d for axes in model.dynamic_axes.values() for d in axes.values()}
    return {d: size for d, size in zoo.EXPORT_DIMS.items() if d in names}


def copied(model: zoo.Model, folder: Path) -> Path:
    """Copy the external data of a model into a folder and return where the model itself belongs there."""
    source = materialize.materialize(model.name)
    folder.mkdir(parents=True, exist_ok=True)
    for file in model.facts.files[:-1]:
        shutil.copyfile(source.parent / file.name, folder / file.name)
    return folder / source.name


def exported(model: zoo.Model, work: Path) -> Path:
    """Return the model as exported; a copy if its data has several hard links, which the onnx package refuses."""
    source = materialize.materialize(model.name)
    if all((source.parent / file.name).stat().st_nlink == 1 for file in model.facts.files):
        return source
    out = work / "exported" / source.name
    if not out.exists():
        shutil.copyfile(source, copied(model, out.parent))
    return out


def frozen(model: zoo.Model, work: Path) -> Path:
    """Return the model with its named dims fixed by ONNX Runtime's own tool."""
    source = materialize.materialize(model.name)
    out = work / "frozen" / source.name
    if not dims(model):
        return exported(model, work)
    if out.exists():
        return out
    proto = onnx.load(source, load_external_data=False)
    for name, size in dims(model).items():
        onnx_model_utils.make_dim_param_fixed(proto.graph, name, size)
    with contextlib.chdir(
        copied(model, out.parent).parent
    ):  # where the tool looks for external data
        onnx_model_utils.fix_output_shapes(proto)
    part = out.with_suffix(".part")
    onnx.save(proto, part, format="protobuf")
    part.replace(out)
    return out


def ours(build: Path) -> tuple[str, str]:
    """Return the command and what identifies this build of it."""
    tool = build / "onnxslim"
    return str(tool), measure.fingerprint(tool)


def jobs(model: zoo.Model, build: Path) -> Iterator[Job]:
    """Yield what is to be measured of a model."""
    python, peer = sys.executable, str(HERE / "peer.py")
    tool, identity = ours(build)
    freeze = [f"{d}={size}" for d, size in dims(model).items()]
    flags = (tool, "-q", *(["--freeze", ",".join(freeze)] if freeze else []))
    for variant in ["exported", "frozen"] if freeze else ["exported"]:
        for name in PEERS:
            yield Job(model, variant, name, version(name), (python, peer, name))
        own = flags if variant == "frozen" else (tool, "-q")
        yield Job(model, variant, table.OURS, identity, own, True)
    if model.facts.size <= LIFTED_BYTES:
        for opset in LIFTS:
            lifted = ("--target-opset", str(opset))
            name = f"onnxsim, opset {opset}"
            yield Job(model, "lifted", name, version("onnxsim"), (python, peer, "onnxsim", *lifted))
        yield Job(model, "lifted", table.OURS, identity, (*flags, "--opset", "max"), True)


def last_line(log: Path) -> str:
    """Return the last line a process printed."""
    lines = [x.strip() for x in log.read_text(errors="replace").splitlines() if x.strip()]
    return lines[-1] if lines else "it said nothing"


def verdict(log: Path) -> dict:
    """Return the last of what a check said."""
    lines = [x for x in log.read_text(errors="replace").splitlines() if x.startswith("{")]
    return json.loads(lines[-1]) if lines else {"status": "invalid", "reason": last_line(log)[:200]}


class Bench:
    """Runs jobs and keeps what came out."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work = options.build / "peers"
        self.limit = int(options.memory * (1 << 30))
        self.results = table.load()

    def known(self, job: Job) -> bool:
        """Tell whether this very tool was already measured on this very model."""
        model, variant, tool = job.place
        entry = self.results.get(model, {}).get(variant, {}).get(tool)
        want = (job.version, job.model.facts.files[-1].sha256[:16])
        return bool(entry) and (entry["version"], entry["model"]) == want and not self.options.again

    def measure(self, job: Job) -> dict:
        """Run a tool, then judge what it wrote."""
        raw = exported(job.model, self.work)
        source = raw if job.variant == "exported" else frozen(job.model, self.work)
        out = self.work / "out" / source.name
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir(parents=True)
        log = self.work / "log"
        limits = {"interval": 0.005, "timeout": self.options.timeout, "limit": self.limit}
        command = [*job.command, str(raw if job.own_freeze else source), str(out)]
        ended = process.watched(command, log=log, **limits)
        said = {
            "version": job.version,
            "model": job.model.facts.files[-1].sha256[:16],
            "seconds": round(ended.seconds, 3),
            "memory": ended.memory["peak"],
        }
        if ended.stopped:
            size, seconds = f"{self.options.memory:g} GB", f"{self.options.timeout:g} s"
            bound = seconds if ended.stopped == "time" else size
            return said | {"status": "stopped", "reason": f"took more than {bound}"}
        if ended.code or not out.exists():
            return said | {"status": "failed", "reason": last_line(log)[:200]}
        kept = self.work / f"{job.model.name}.{'raw' if source == raw else 'frozen'}.npz"
        check = [sys.executable, str(HERE / "check.py"), str(source), str(out), str(kept)]
        process.watched(check, log=log, **limits)
        return said | verdict(log)

    def keep(self, job: Job, result: dict) -> None:
        """Write a result down."""
        model, variant, tool = job.place
        self.results.setdefault(model, {}).setdefault(variant, {})[tool] = result
        table.save(self.results)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare with the peers.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds (%(default)s)")
    parser.add_argument("--memory", type=float, default=20, help="GB (%(default)s)")
    parser.add_argument("names", nargs="*", metavar="MODEL")
    options = parser.parse_args()
    options.build = options.build.resolve()
    return options


def main() -> None:
    """Measure what is not known yet."""
    options = arguments()
    bench = Bench(options)
    listed = [
        job
        for name in options.names or zoo.names()
        for job in jobs(zoo.MODELS[name], options.build)
    ]
    todo = [job for job in listed if not bench.known(job)]
    console = Console(highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(todo))
        for job in todo:
            progress.update(task, description=" · ".join(job.place))
            result = bench.measure(job)
            bench.keep(job, result)
            nodes, why = result.get("nodes", "-"), result.get("reason", "")
            line = f"{' · '.join(job.place):58} {nodes:>6}  {result['seconds']:8.1f} s"
            progress.print(f"{line} {result['memory'] / 1e9:6.2f} GB  {result['status']} {why}")
            progress.advance(task)
    table.write(bench.results)


if __name__ == "__main__":
    main()

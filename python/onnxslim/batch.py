"""Many models: ``onnxslim batch 'hub/**/*.onnx' -o out/``.

Each model is optimized by a process of its own, so that what one does to memory does not reach the others. A
JSON line for each is printed and kept in ``batch.jsonl`` beside the results; a second run passes over models
whose bytes, options and library version are those of a line that says ``done``. The same tasks can go to a
Dask scheduler, whose workers see the same files.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxslim import _binary
from onnxslim._cli import translate
from onnxslim._runtime import environment

if TYPE_CHECKING:
    from typing import TextIO

LOG = "batch.jsonl"
DONE, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 130
_BLOCK = 1 << 20
_NOT_FOR_ONE = {"--json", "--dry-run", "--help", "-h", "--version", "-V", "--report"}


@dataclass(frozen=True)
class Task:
    """One model.

    Attributes:
        input: the file.
        output: where the result goes.
        options: flags of the command line.
        version: of the library that is to do it.
        known: digests of results that exist already (see ``Line.digest``).
        timeout: seconds, or None.
    """

    input: str
    output: str
    options: tuple[str, ...]
    version: str
    known: tuple[str, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Line:
    """What became of a model.

    Attributes:
        input: the file.
        output: the result.
        status: ``done``, ``resumed`` (it was done before) or ``failed``.
        digest: SHA-256 over the model, its external data, the options and the version of the library.
        seconds: how long it took.
        error: one line, if it failed.
        exit_code: of the process; negative: the signal that killed it.
        nodes, bytes: before and after, of a model that is done.
        rewrites: how many.
    """

    input: str
    output: str
    status: str
    digest: str = ""
    seconds: float = 0.0
    error: str | None = None
    exit_code: int | None = None
    nodes: dict[str, int] | None = None
    bytes: dict[str, int] | None = None
    rewrites: int | None = None


# --- which models


def _split(pattern: str) -> tuple[Path, str]:
    """Return the folder before the first wildcard, below which results keep their place, and the rest."""
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(*parts[:fixed]), str(Path(*parts[fixed:]))


def find_models(patterns: Iterable[str]) -> list[tuple[str, str]]:
    """Return the files that the patterns name, each with its place below the output folder.

    A folder stands for all ``.onnx`` files in it and below.

    Raises:
        ValueError: a pattern names nothing, or two models would have the same place.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        every = str(Path(pattern) / "**" / "*.onnx") if Path(pattern).is_dir() else pattern
        root, rest = _split(every)
        names = sorted(str(path) for path in root.glob(rest) if path.is_file())
        if not names:
            raise ValueError(f"'{pattern}' names no file")
        for name in names:
            found.setdefault(name, str(Path(name).relative_to(root)))
    places: dict[str, str] = {}
    for name, place in found.items():
        if places.setdefault(place, name) != name:
            raise ValueError(f"'{places[place]}' and '{name}' would both become '{place}'")
    return list(found.items())


# --- one model


def _hash_file(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)


def digest_of(path: str, options: Sequence[str], version: str) -> str:
    """Return the SHA-256 over a model, its external data, the options and the version.

    External data is whatever file below the model's folder the model has the name of in its bytes.
    """
    model = Path(path)
    digest = hashlib.sha256(json.dumps([version, *options]).encode())
    _hash_file(digest, model)
    if not model.stat().st_size:
        return digest.hexdigest()
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for other in sorted(model.parent.rglob("*")):
            name = other.relative_to(model.parent).as_posix()
            if other == model or other.suffix == ".onnx" or not other.is_file():
                continue
            if data.find(name.encode()) >= 0:
                digest.update(name.encode())
                _hash_file(digest, other)
    return digest.hexdigest()


def _why(code: int, errors: str) -> str:
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
    return last[0].removeprefix("onnxslim: error: ")


def _failed(task: Task, start: float, digest: str, error: str, code: int | None = None) -> Line:
    seconds = time.perf_counter() - start
    return Line(task.input, task.output, "failed", digest, seconds, error, code)


def run(task: Task) -> Line:
    """Optimize one model in a process of its own. Does not raise for what is wrong with the model."""
    start = time.perf_counter()
    digest = ""
    try:
        digest = digest_of(task.input, task.options, task.version)
        if digest in task.known and Path(task.output).exists():
            return Line(task.input, task.output, "resumed", digest)
        Path(task.output).parent.mkdir(parents=True, exist_ok=True)
        command = [str(_binary.find()), task.input, task.output, "--json", "-", "-q", *task.options]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=task.timeout,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(task, start, digest, f"not done after {task.timeout:g} s")
    except OSError as error:
        return _failed(task, start, digest, str(error))
    if done.returncode:
        why = _why(done.returncode, done.stderr)
        return _failed(task, start, digest, why, done.returncode)
    report = json.loads(done.stdout)
    return Line(
        task.input,
        task.output,
        "done",
        digest,
        time.perf_counter() - start,
        None,
        0,
        report["nodes"],
        report["bytes"],
        report["rewrites"],
    )


# --- all of them


def _read_log(path: Path) -> dict[str, set[str]]:
    """Return the digests of what is done, by input. A last line that was cut off is passed over."""
    done: dict[str, set[str]] = {}
    if not path.exists():
        return done
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if line.get("status") == "done":
            done.setdefault(line["input"], set()).add(line["digest"])
    return done


def plan(
    patterns: Iterable[str],
    output: str | os.PathLike[str],
    options: Sequence[str] = (),
    timeout: float | None = None,
) -> list[Task]:
    """Return the tasks; those that are done already know it.

    Raises:
        ValueError: see ``find_models``.
    """
    from onnxslim import __version__

    folder = Path(output)
    known = _read_log(folder / LOG)
    return [
        Task(
            name,
            str(folder / place),
            tuple(options),
            __version__,
            tuple(sorted(known.get(name, ()))),
            timeout,
        )
        for name, place in find_models(patterns)
    ]


def _locally(tasks: Sequence[Task], jobs: int) -> Iterator[Line]:
    # Threads only wait: the work is done by the processes that they start.
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures: list[Future[Line]] = [pool.submit(run, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_dask(tasks: Sequence[Task], address: str) -> Iterator[Line]:
    """Run the tasks on the workers of a Dask scheduler; a lost worker's tasks go to another one."""
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError as error:
        raise ValueError("--scheduler needs Dask: pip install 'onnxslim[dask]'") from error
    with Client(address) as client:
        by_key = {}
        for task in tasks:
            # Workers have folders of their own.
            there = replace(
                task,
                input=str(Path(task.input).absolute()),
                output=str(Path(task.output).absolute()),
            )
            future = client.submit(run, there, pure=False)
            by_key[future] = task
        for future in completed(list(by_key)):
            task = by_key.pop(future)
            try:
                yield replace(future.result(), input=task.input, output=task.output)
            except Exception as error:  # a task that killed worker after worker, or was cancelled
                why = " ".join(f"{type(error).__name__}: {error}".split())
                yield Line(task.input, task.output, "failed", error=why)


@dataclass
class Outcome:
    """How many models became what."""

    done: int = 0
    resumed: int = 0
    failed: int = 0
    lines: list[Line] = field(default_factory=list)


def optimize_all(
    tasks: Sequence[Task],
    output: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    tell: Callable[[Line], object] = lambda line: None,
) -> Outcome:
    """Run tasks and keep a line for each in ``batch.jsonl``.

    Args:
        tasks: see ``plan``.
        output: the folder of the results.
        jobs: processes at a time; None: one for each processor.
        scheduler: address of a Dask scheduler (``tcp://host:8786``), which takes the place of ``jobs``.
        tell: called with each line when its model is finished.
    """
    Path(output).mkdir(parents=True, exist_ok=True)
    outcome = Outcome()
    lines = (
        _on_dask(tasks, scheduler) if scheduler else _locally(tasks, jobs or os.cpu_count() or 1)
    )
    with (Path(output) / LOG).open("a") as log:
        if log.tell() and not (Path(output) / LOG).read_bytes().endswith(b"\n"):
            log.write("\n")  # a line that was cut off
        for line in lines:
            setattr(outcome, line.status, getattr(outcome, line.status) + 1)
            outcome.lines.append(line)
            if line.status != "resumed":
                log.write(json.dumps(asdict(line)) + "\n")
                log.flush()
            tell(line)
    return outcome


# --- the command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onnxslim batch",
        description="Optimize many models, each in a process of its own. Other flags (onnxslim --help) hold "
        "for each model.",
        epilog="exit code: 0 all are done, 1 usage, 2 some failed (see batch.jsonl), 130 interrupted",
        allow_abbrev=False,
    )
    parser.add_argument("models", nargs="+", help="files, folders or patterns like 'hub/**/*.onnx'")
    parser.add_argument(
        "-o", "--output", required=True, help="folder of the results and of batch.jsonl"
    )
    parser.add_argument("-j", "--processes", type=int, default=None, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=None, help="seconds that a model may take")
    parser.add_argument(
        "--scheduler", default=None, help="address of a Dask scheduler: tcp://host:8786"
    )
    return parser


def _show(line: Line, out: TextIO) -> None:
    print(json.dumps(asdict(line)), file=out, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run ``onnxslim batch``; return its exit code."""
    parser = _parser()
    known, options = parser.parse_known_args(arguments)
    if any(not option.startswith("-") for option in options):
        parser.error("write flags that hold for each model as --name=value")
    own = {option.partition("=")[0] for option in options} & _NOT_FOR_ONE
    if own:
        parser.error(f"{min(own)} makes no sense for many models")
    options = translate(options)
    if known.processes is not None and known.processes < 1:
        parser.error("--processes is at least 1")
    if known.processes != 1 and not any(option.startswith("--jobs") for option in options):
        options.append("--jobs=1")
    try:
        tasks = plan(known.models, known.output, options, known.timeout)
        outcome = optimize_all(
            tasks,
            known.output,
            jobs=known.processes,
            scheduler=known.scheduler,
            tell=lambda line: _show(line, sys.stdout),
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"onnxslim: error: {error}", file=sys.stderr)
        return USAGE
    print(
        f"{outcome.done} done, {outcome.resumed} done before, {outcome.failed} failed",
        file=sys.stderr,
    )
    return FAILED if outcome.failed else DONE

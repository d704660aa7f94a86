"""Latency in ONNX Runtime, against the original: `make latency`, on a machine that does nothing else.

    python bench/latency/run.py [--build build] [MODEL...]     the zoo, into results/latency.json
    python bench/latency/run.py --files BASE OTHER...          any files, printed only

Of each model: the original, the same file under another name (the null row: what the method itself gets wrong),
ours, and ONNX Runtime's own offline optimisation. Batch 1, 128 tokens, at ONNX Runtime's default level on one thread;
the models of experiment 10 also with its optimizer off and on two threads, and with the best peer's output.
All files are open in one process and run in turn; several processes, because where a process happens to put its
memory changes speed by percents.
A model of more than 2 GB (phi_2) would fill the memory several times over: its first layers stand for it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDERS = ("models", "tests/support", "tools", "bench/peers")
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]

import materialize  # noqa: E402  (found through the line above)
import measure  # noqa: E402
import page  # noqa: E402
import slimzoo  # noqa: E402
import stats  # noqa: E402
import table  # noqa: E402
import zoo  # noqa: E402
from page import BASE, NULL, ORT, OURS  # noqa: E402
from peer import version  # noqa: E402

RAW = ROOT / "results" / "raw" / "latency"
LEVELS, THREADS = ("default", "off"), (1, 2)
IN_FULL = (
    "yolov8n",
    "efficientnet_b0",
    "efficientdet_d0",
    "bert_base",
    "whisper_tiny_encoder",
    "mobilevit_small",
    "deit_small",
)
"""Experiment 10: measured at every setting and with the best peer; the other models at the leading setting."""
LIMIT = 2 << 30
"""Bytes of a model above which its first layers are measured: several copies of it would fill the memory."""
LAYERS = 4
LAYER = re.compile(r"\blayers\.(\d+)\b")
"""What exporters put into the names of a layer's nodes."""


def best_peer(name: str) -> str:
    """Return the peer with the fewest nodes on a model; ONNX Runtime has a row of its own."""
    known = table.load().get(name, {}).get("exported", {})
    others = {peer: entry for peer, entry in known.items() if peer != ORT}
    return next(iter(table.best(others, "exported", zoo.MODELS[name].opset)), "onnxsim")


def is_cut(name: str) -> bool:
    """Tell whether only the first layers of a model are measured."""
    return zoo.MODELS[name].facts.size > LIMIT


def first_layers(source: Path, build: Path, out: Path) -> Path:
    """Write the part of a model in front of its layer number LAYERS, otherwise as it is."""
    nodes = onnx.load(source, load_external_data=False).graph.node
    computed = {value for node in nodes for value in node.output}
    numbered = ((node, LAYER.search(node.name)) for node in nodes)
    reads = (v for node, n in numbered if n and int(n[1]) == LAYERS for v in node.input)
    end = next(v for v in reads if v in computed)
    as_is = ("--passes", "eliminate_unused_initializers")
    subprocess.run([build / "onnxslim", "-q", source, out, "--outputs", end, *as_is], check=True)
    model = onnx.load(out)
    onnx.save(model, out)  # the weights inside, where the other files have them
    return out


def candidates(name: str, build: Path, work: Path, with_peer: bool) -> dict[str, Path]:
    """Write the files that are compared, each in a folder of its own."""
    source, peer = materialize.materialize(name), best_peer(name)
    if is_cut(name):
        source = first_layers(source, build, work / source.name)
    python = [sys.executable, str(ROOT / "bench" / "peers" / "peer.py")]
    commands = {
        NULL: ["cp"],
        OURS: [str(build / "onnxslim"), "-q"],
        ORT: [*python, ORT],
    }
    if with_peer:
        commands[f"{peer} {version(peer)}"] = [*python, peer]
    made = {BASE: source}
    for label, command in commands.items():
        out = work / label.replace(" ", "_") / source.name
        out.parent.mkdir(parents=True)
        subprocess.run([*command, source, out], check=True, capture_output=True)
        made[label] = out
    return made


def feeds(model: Path, out: Path) -> Path:
    """Write the inputs, seeded, at the size models are exported with."""
    graph = onnx.load(model, load_external_data=False).graph
    np.savez(out, **slimzoo.feeds(graph, 0, zoo.EXPORT_DIMS))
    return out


class WorkerError(Exception):
    """A process could not measure; the text is the last it said."""


class Latency:
    """Measures sets of files."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work = options.build / "latency"

    def clean(self) -> None:
        """Start with an empty folder."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def samples(self, files: dict[str, Path], level: str, threads: int, done) -> list[dict]:
        """Run the processes of one setting; each opens the models in another order."""
        inputs = feeds(files[BASE], self.work / "feeds.npz")
        job = {
            "feeds": str(inputs),
            "level": level,
            "threads": threads,
            "warmup": self.options.warmup,
            "runs": self.options.runs,
            "clock": self.options.clock,
        }
        made = []
        for process in range(self.options.processes):
            names = list(files)
            if not self.options.in_order:
                random.Random(process).shuffle(names)
            job["models"] = {name: str(files[name]) for name in names}
            command = [sys.executable, str(HERE / "worker.py"), json.dumps(job)]
            ended = subprocess.run(command, check=False, capture_output=True, text=True)
            if ended.returncode:
                raise WorkerError((ended.stderr.strip().splitlines() or ["killed"])[-1])
            made.append(json.loads(ended.stdout))
            done()
        return made

    def settings(self, full: bool) -> list[tuple[str, int]]:
        """Return the levels and numbers of threads."""
        levels = self.options.levels or LEVELS[: None if full else 1]
        threads = self.options.threads or THREADS[: None if full else 1]
        return [(level, n) for level in levels for n in threads]

    def measure(self, files: dict[str, Path], full: bool, done) -> tuple[dict, dict]:
        """Return what is reported of a set of files, by setting, and the samples behind it."""
        raw = {f"{s[0]}, {s[1]}": self.samples(files, *s, done) for s in self.settings(full)}
        return {setting: stats.summary(made, list(files)) for setting, made in raw.items()}, raw


def identity(files: dict[str, Path], options: argparse.Namespace) -> dict:
    """Return what a result depends on, to tell whether it is still the one wanted."""
    digests = {}
    for label, path in files.items():
        with path.open("rb") as stream:
            digests[label] = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    said = {key: getattr(options, key) for key in ("processes", "warmup", "runs", "clock")}
    return {"files": digests, **said, "onnxruntime": metadata.version("onnxruntime")}


def measure_zoo(latency: Latency, names: list[str], progress: Progress) -> None:
    """Measure models of the zoo and keep what came out, one after the other."""
    options = latency.options
    each = {n: len(latency.settings(n in IN_FULL)) * options.processes for n in names}
    task = progress.add_task("", total=sum(each.values()))
    results = page.load()
    for name in names:
        progress.update(task, description=name)
        latency.clean()
        full = name in IN_FULL
        files = candidates(name, options.build, latency.work, full and options.peer)
        same = identity(files, options)
        if not options.again and results.get(name, {}).get("identity") == same:
            progress.advance(task, each[name])
            continue
        try:
            found, raw = latency.measure(files, full, lambda: progress.advance(task))
        except WorkerError as error:
            progress.print(f"{name}: {error}")
            continue
        results[name] = {
            "identity": same,
            "layers": LAYERS if is_cut(name) else None,
            "settings": found,
        }
        RAW.mkdir(parents=True, exist_ok=True)
        (RAW / f"{name}.json").write_text(json.dumps(raw) + "\n")
        page.save(results, measure.machine())
        progress.print("\n".join(page.rows(name, found)))
    shutil.rmtree(latency.work, ignore_errors=True)


def measure_files(latency: Latency, paths: list[Path], progress: Progress) -> None:
    """Measure any files against the first of them and print it."""
    files = {BASE if not i else f"{i}: {path.name}": path for i, path in enumerate(paths)}
    latency.clean()
    task = progress.add_task("", total=len(latency.settings(True)) * latency.options.processes)
    found, _ = latency.measure(files, True, lambda: progress.advance(task))
    progress.print("\n".join(page.rows(paths[0].name, found)))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure latency in ONNX Runtime.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument("--processes", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--warmup", type=int, default=5, help="runs (%(default)s)")
    parser.add_argument("--runs", type=int, default=50, help="per process (%(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", help="for all models")
    parser.add_argument("--levels", nargs="+", choices=LEVELS, help="for all models")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="(%(default)s)")
    parser.add_argument("--in-order", action="store_true", help="always open BASE first")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave the peer out")
    parser.add_argument("--files", type=Path, nargs="+", metavar="FILE", help="BASE OTHER...")
    parser.add_argument("names", nargs="*", metavar="MODEL")
    options = parser.parse_args()
    options.build = options.build.resolve()
    if options.clock == "cpu" and options.threads != [1]:
        parser.error("--clock cpu sees one thread only: --threads 1")
    return options


def main() -> None:
    """Measure."""
    options = arguments()
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    latency = Latency(options)
    with Progress(*columns, console=Console(highlight=False, soft_wrap=True)) as progress:
        if options.files:
            try:
                measure_files(latency, options.files, progress)
            except WorkerError as error:
                sys.exit(f"latency: {error}")
            return
        measure_zoo(latency, options.names or zoo.names(), progress)
    page.write()


if __name__ == "__main__":
    main()

"""What the experiments share: runs of onnxslim, models run in ONNX Runtime, results that are kept, pages.

An experiment is a module with TITLE, a function `units(lab)` that names its measurements, and a function
`page(kept)` that makes a Markdown page of them; `plot(kept, path)` is optional.  With FROM, the name of another
experiment, it has no units of its own and looks at that one's.  A unit is measured again only if onnxslim, the model
or the experiment has changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
for folder in ("models", "tests/support", "tools"):
    sys.path.insert(0, str(ROOT / folder))

import materialize  # noqa: E402  (found through the line above)
import measure  # noqa: E402
import zoo  # noqa: E402

PACKAGES = ("numpy", "onnx", "onnxruntime")
Unit = Callable[[], dict]


@cache
def digest(path: Path) -> str:
    """Return the first half of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


class Lab:
    """Runs onnxslim on the zoo."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.tool = build / "onnxslim"
        self.work = build / "experiments"
        self.work.mkdir(parents=True, exist_ok=True)

    def model(self, name: str) -> Path:
        """Return the path of a model of the zoo."""
        return materialize.materialize(name)

    def say(self, *args: str | Path) -> dict:
        """Run a command of onnxslim and return what it says with --json."""
        path = self.work / "report.json"
        command = [self.tool, *args, "--quiet", "--json", path]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        return json.loads(path.read_text())

    def folder(self, name: str) -> Path:
        """Return an empty folder."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def optimise(self, source: Path, folder: str, *flags: str) -> tuple[Path, dict]:
        """Optimise a model into a folder of its own; return the file and the report."""
        out = self.folder(folder) / source.name
        return out, self.say(source, out, *flags)

    def stamp(self, module: ModuleType, *names: str) -> str:
        """Return what a unit depends on: the tool, the experiment, the models."""
        parts = [digest(self.tool), digest(Path(module.__file__)), digest(Path(__file__))]
        parts += [f.sha256 for name in names for f in zoo.MODELS[name].facts.files]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


class Kept:
    """The results of one experiment, in results/<name>.json."""

    def __init__(self, name: str) -> None:
        self.path = RESULTS / f"{name}.json"
        record = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.stamps: dict[str, str] = record.get("stamps", {})
        self.units: dict[str, dict] = record.get("units", {})

    def is_fresh(self, key: str, stamp: str) -> bool:
        """Tell whether a unit need not be measured."""
        return key in self.units and self.stamps.get(key) == stamp

    def put(self, key: str, stamp: str, found: dict, order: Iterable[str]) -> None:
        """Keep a unit at once; what is no longer asked for goes."""
        self.units[key], self.stamps[key] = found, stamp
        keys = [k for k in order if k in self.units]
        self.units = {k: self.units[k] for k in keys}
        self.stamps = {k: self.stamps[k] for k in keys}
        record = {
            "machine": measure.machine(),
            "versions": {package: metadata.version(package) for package in PACKAGES},
            "stamps": self.stamps,
            "units": self.units,
        }
        RESULTS.mkdir(exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1) + "\n")
        part.replace(self.path)


# --- pages ---------------------------------------------------------------------------------------------------


def table(head: Iterable[str], rows: Iterable[Iterable[object]], left: int = 1) -> str:
    """Return a Markdown table; all but the first `left` columns are numbers."""
    head = list(head)
    rule = ["---" if i < left else "--:" for i in range(len(head))]
    lines = [head, rule, *([str(c) for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def percent(part: float, whole: float) -> str:
    """Return a change in percent of the whole."""
    return f"{100 * part / whole:+.1f} %" if whole else "–"


def signed(number: int) -> str:
    """Return a difference: 0 is a number, too."""
    return f"{number:+d}" if number else "0"


def size(n: float) -> str:
    """Return a difference of bytes for people."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if abs(n) >= factor:
            return f"{n / factor:+.1f} {unit}"
    return f"{n:+.0f} B" if n else "0"


# --- plots ---------------------------------------------------------------------------------------------------


def axes(width: float, height: float):
    """Return a figure and its axes; the same numbers give the same picture."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "onnxslim", "font.size": 9})
    return plt.subplots(figsize=(width, height), layout="constrained")


def save(figure, path: Path) -> None:
    """Write a figure."""
    from matplotlib import pyplot as plt

    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)

"""onnxslim against `cp` of the same files, on a quiet machine: `make speed`.

    python bench/speed/run.py [--build build] [--all] [--peers] [--again] [ROW...]

The rows are the models that have a bound (bounds.py) and a second run on our own output of bert_base; with --all
the whole zoo; with --peers also the peers on bert_base and bert_large, once each (minutes).  A row is kept in
results/speed.json as soon as it is known and is not measured again for the same build and model, so the
command can be stopped and started.  It ends by writing results/speed.md and results/speed.svg; the exit code is 1 if
a bound is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import bounds

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("models", "tools", "bench/peers")]

import materialize  # noqa: E402  (found through the line above)
import measure  # noqa: E402
import peer  # noqa: E402
import process  # noqa: E402
import zoo  # noqa: E402

PEERS = ("ORT basic", "OnnxSlim", "onnxsim")
PEERS_ON = ("bert_base", "bert_large")
SECONDS, LEAST, MOST = 4.0, 5, 61
"""What a row takes about, and how often a pair is run at least and at most."""


class Row:
    """One model that is optimised and copied."""

    def __init__(self, name: str, build: Path) -> None:
        self.name, self.tool = name, build / "onnxslim"
        self.work = build / "speed" / "work"
        self.source = materialize.materialize("bert_base" if name == bounds.AGAIN else name)
        self.files = measure.files_of(self.source)
        self.facts = zoo.MODELS[self.source.stem].facts
        self.build = measure.fingerprint(self.tool)

    def known(self, row: dict | None) -> bool:
        """Tell whether this build was already measured on this model."""
        want = (self.build, self.facts.files[-1].sha256[:16])
        return row is not None and (row["build"], row["model"]) == want

    def prepare(self) -> None:
        """Make our own output if that is what is read."""
        if self.name != bounds.AGAIN:
            return
        folder = self.work.parent / "again"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        out = folder / self.source.name
        subprocess.run([self.tool, self.source, out, "-q"], check=True)
        self.source, self.files = out, [out]

    def measure(self) -> dict:
        """Return everything about it."""
        self.prepare()
        tool = [self.tool, self.source, self.work / self.source.name, "-q"]
        first = sum(measure.turns(self.files, tool, self.work, 1)[0])
        runs = min(MOST, max(LEAST, int(SECONDS / first)))
        pairs = measure.turns(self.files, tool, self.work, runs)
        shutil.rmtree(self.work)
        self.work.mkdir()
        held = measure.memory(tool)
        shutil.rmtree(self.work)
        low, middle, high = statistics.quantiles([ours / copy for copy, ours in pairs], n=4)
        return {
            "build": self.build,
            "model": self.facts.files[-1].sha256[:16],
            "bytes": sum(f.stat().st_size for f in self.files),
            "runs": runs,
            "seconds": {
                "cp": statistics.median(copy for copy, _ in pairs),
                "onnxslim": statistics.median(ours for _, ours in pairs),
            },
            "ratio": {"low": low, "median": middle, "high": high},
            "memory": held,
        }

    def measure_peer(self, name: str) -> dict:
        """Return what a peer took for it."""
        self.work.mkdir(parents=True, exist_ok=True)
        script = ROOT / "bench" / "peers" / "peer.py"
        command = [sys.executable, script, name, self.source, self.work / self.source.name]
        log = self.work.parent / "peer.log"
        ended = process.watched(command, interval=0.005, log=log)
        shutil.rmtree(self.work)
        if ended.code:
            raise SystemExit(f"{name} failed on {self.name}: see {log}")
        return {
            "version": peer.version(name),
            "seconds": round(ended.seconds, 3),
            "memory": ended.memory["peak"],
        }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--all", action="store_true", help="the whole zoo")
    parser.add_argument("--peers", action="store_true", help=f"the peers, on {', '.join(PEERS_ON)}")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument(
        "names", nargs="*", metavar="ROW", help=f"default: {'; '.join(bounds.BOUNDS)}"
    )
    options = parser.parse_args()
    options.build = options.build.resolve()
    return options


def report(name: str, row: dict) -> None:
    """Print one line."""
    ratio, verdict = row["ratio"], {None: "", True: "met", False: "MISSED"}[bounds.met(name, row)]
    bound = f"bound {bounds.BOUNDS[name]}: {verdict}" if verdict else ""
    print(
        f"{name:22}{1000 * row['seconds']['cp']:9.1f} ms cp{1000 * row['seconds']['onnxslim']:9.1f} ms ours"
        f"{ratio['median']:6.2f} x ({ratio['low']:.2f} to {ratio['high']:.2f})  {bound}",
        flush=True,
    )


def main() -> int:
    """Measure what is not known yet."""
    options = arguments()
    rows = bounds.load()
    names = options.names or list(
        dict.fromkeys([*bounds.BOUNDS, *(zoo.names() if options.all else [])])
    )
    for name in names:
        row = Row(name, options.build)
        if options.again or not row.known(rows.get(name)):
            kept = {"peers": rows[name]["peers"]} if "peers" in rows.get(name, {}) else {}
            rows[name] = row.measure() | kept
            bounds.save(rows)
        report(name, rows[name])
        for tool in PEERS if options.peers and name in PEERS_ON else ():
            known = rows[name].setdefault("peers", {})
            if known.get(tool, {}).get("version") != peer.version(tool):
                known[tool] = row.measure_peer(tool)
                bounds.save(rows)
            print(f"{name:22}{tool:12}{known[tool]['seconds']:8.1f} s", flush=True)
    bounds.write(rows)
    return int(any(bounds.met(name, rows[name]) is False for name in names))


if __name__ == "__main__":
    sys.exit(main())

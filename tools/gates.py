"""The hard gates of the project's proof, judged on the committed results: `make gates`.

Prints each gate with its measured number; the exit code is 1 if one is not met or not measured.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("models", "tools", "bench/latency")]

import page as latency  # noqa: E402  (found through the line above)
import readme  # noqa: E402
import zoo  # noqa: E402
from measured import results  # noqa: E402

TRANSPOSES = 10
ATTENTION = 5
"""Percent of bert_base's nodes."""
GAIN = 2
"""Percent of the original's latency."""
BERT = "bert_base"


class NotMeasuredError(Exception):
    """A result that a gate needs is not there; the text says which."""


class Finding(NamedTuple):
    """What was measured, and whether it is enough."""

    met: bool
    text: str


def load(name: str) -> dict:
    """Return a file of results/."""
    if not results(name):
        raise NotMeasuredError(f"no results/{name}.json")
    return results(name)


def all_models(found: dict, where: str) -> dict:
    """Return what was found if no model of the zoo is missing."""
    missing = [name for name in zoo.names(extras=False) if name not in found]
    if missing:
        raise NotMeasuredError(f"{where} lacks {', '.join(missing)}")
    return {name: found[name] for name in zoo.names(extras=False)}


def transposes() -> Finding:
    """Return the nodes that the Transpose pass takes from a YOLO model."""
    units = load("exp_02_transposes")["units"]
    taken = {name: -unit["alone"] for name, unit in units.items()}
    name = max(taken, key=taken.__getitem__)
    return Finding(taken[name] >= TRANSPOSES, f"{taken[name]} nodes on {name}")


def alone(name: str, least: float) -> Callable[[], Finding]:
    """Return the gate of a pass that runs alone on BERT-base and takes a share of the nodes."""

    def gate() -> Finding:
        units = load("exp_01_attribution")["units"]
        if BERT not in units:
            raise NotMeasuredError(f"exp_01_attribution lacks {BERT}")
        change, whole = units[BERT]["passes"][name]["nodes"], units[BERT]["nodes"]
        share = 100 * -change / whole
        return Finding(change < 0 and share >= least, f"{change} nodes ({share:.1f} %)")

    return gate


def accurate() -> Finding:
    """Return the worst difference as a share of what is allowed, over models, seeds and levels."""
    share = {}
    for name, row in all_models(load("zoo")["models"], "zoo").items():
        if "accuracy" not in row:
            raise NotMeasuredError(f"zoo lacks the accuracy of {name}")
        share[name] = max(level["of_tolerance"] for level in row["accuracy"]["levels"].values())
    worst = max(share, key=share.__getitem__)
    return Finding(share[worst] <= 1, f"at worst {share[worst]:.2f} of what is allowed, on {worst}")


def tolerated() -> Finding:
    """Return the same over twenty seeds."""
    units = all_models(load("exp_06_tolerance")["units"], "exp_06_tolerance")
    share = {n: max(u[w]["share"]["max"] for w in ("off", "default")) for n, u in units.items()}
    worst = max(share, key=share.__getitem__)
    return Finding(share[worst] <= 1, f"at worst {share[worst]:.2f} of what is allowed, on {worst}")


def default_rows() -> Iterator[tuple[str, dict]]:
    """Give each measurement at ONNX Runtime's default level, with its name."""
    models = load("latency")["models"]
    if not models:
        raise NotMeasuredError("latency has no model")
    for name, entry in models.items():
        for setting, rows in entry["settings"].items():
            if setting.startswith("default"):
                yield f"{name} ({setting})", rows


def faster() -> Finding:
    """Return the largest gain that is no noise."""
    gains = {
        name: 100 * (1 - rows[latency.OURS]["ratio"])
        for name, rows in default_rows()
        if not latency.is_noise(rows)
    }
    if not gains:
        return Finding(False, "all differences are noise")
    best = max(gains, key=gains.__getitem__)
    return Finding(gains[best] > GAIN, f"{gains[best]:.1f} % on {best}")


def none_slower() -> Finding:
    """Return what is surely slower than both the original and ONNX Runtime's own output."""
    measured = len(list(default_rows()))
    slower = latency.slower(load("latency")["models"])
    return Finding(not slower, f"{', '.join(slower) or 'none'} of {measured} measurements")


def matrix() -> Finding:
    """Return the cells of the attribution matrix; a pass has a row for each set of flags it runs with."""
    units = all_models(load("exp_01_attribution")["units"], "exp_01_attribution")
    rows = list(dict.fromkeys(row for unit in units.values() for row in unit["passes"]))
    registry = (ROOT / "src" / "passes" / "passes.def").read_text()
    wanted = [*re.findall(r"^PASS\((\w+)\)", registry, re.MULTILINE), "all"]
    lacking = [name for name in wanted if name not in {row.split()[0] for row in rows}]
    cells = [unit["passes"].get(row, {}).get("nodes") for unit in units.values() for row in rows]
    filled = sum(cell is not None for cell in cells)
    text = f"{filled} of {len(cells)} cells of {len(rows)} rows"
    if lacking:
        text += f"; no row for {', '.join(lacking)}"
    return Finding(filled == len(cells) and not lacking, text)


def zoo_tests() -> Finding:
    """Return the models whose recorded run of the zoo's tests has the node counts that are pinned."""
    models = all_models(load("zoo")["models"], "zoo")
    pinned = json.loads((ROOT / "tests" / "zoo" / "expected.json").read_text())
    stale = [
        name
        for name, row in models.items()
        if any(
            part.get("nodes") != {state: pinned[name][state] for state in ("before", "after")}
            for part in (row, row.get("accuracy", {}))
        )
    ]
    text = f"{len(models) - len(stale)} of {len(models)} models recorded with the pinned counts"
    return Finding(not stale, f"{text}; not {', '.join(stale)}" if stale else text)


def readme_table() -> Finding:
    """Return the filled cells of README.md's table."""
    load("zoo")
    rows = [row for row in readme.zoo_rows() if not zoo.MODELS[row[0]].extra]
    all_models({row[0]: row for row in rows}, "zoo")
    cells = [cell for row in rows for cell in row]
    filled = sum(cell is not None for cell in cells)
    behind = readme.behind()
    text = f"{filled} of {len(cells)} cells"
    if behind:
        text += f"; behind results/: {', '.join(behind)}"
    return Finding(filled == len(cells) and not behind, text)


GATES: dict[str, Callable[[], Finding]] = {
    f"redundant Transposes on a YOLO model >= {TRANSPOSES} nodes": transposes,
    f"fold_constants alone on {BERT} != 0": alone("fold_constants", 0),
    f"fuse_matmul_add alone on {BERT} != 0": alone("fuse_matmul_add", 0),
    f"cleanup_attention alone on {BERT} >= {ATTENTION} %": alone("cleanup_attention", ATTENTION),
    "accuracy on all models": accurate,
    "accuracy on all models, 20 seeds": tolerated,
    f"latency gain > {GAIN} % at ONNX Runtime's default level": faster,
    f"none surely below {latency.ALLOWED} of the slower of original and ORT basic": none_slower,
    "attribution matrix complete": matrix,
    "zoo tests recorded": zoo_tests,
    "README's table complete": readme_table,
}


def main() -> int:
    """Run the command line."""
    failed = False
    width = max(map(len, GATES))
    for name, gate in GATES.items():
        try:
            met, text = gate()
            state = "met" if met else "NOT MET"
        except NotMeasuredError as missing:
            met, state, text = False, "UNKNOWN", str(missing)
        failed = failed or not met
        print(f"{state:8} {name:{width}}  {text}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

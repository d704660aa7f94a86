"""What --auto saves: rules that cannot fire are not tried."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import lab
import slimzoo
import zoo

TITLE = "Experiment 13: what --auto saves"
RUNS = 9
FLAGS = {"standard": (), "auto": ("--auto",)}


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in zoo.names(extras=False)}


def measure(bench: lab.Lab, name: str) -> dict:
    """Return tries, rules and seconds, the runs turn about, and whether the files are equal."""
    source = bench.model(name)
    said: dict[str, list[dict]] = {how: [] for how in FLAGS}
    for _ in range(RUNS + 1):  # the first warms the cache
        for how, flags in FLAGS.items():
            said[how].append(bench.say(source, "--dry-run", *flags))
    found: dict = {how: summary(reports) for how, reports in said.items()}
    first, second = (written(bench, source, flags) for flags in FLAGS.values())
    return found | {"same": first == second}


def summary(reports: list[dict]) -> dict:
    """Return what one way of running did."""
    rules = reports[-1]["rules"]
    return {
        "tries": sum(r["tried"] for r in rules),
        "rules": sum(r["tried"] > 0 for r in rules),
        "seconds": statistics.median(r["seconds"]["optimize"] for r in reports[1:]),
    }


def written(bench: lab.Lab, source: Path, flags: tuple[str, ...]) -> dict[str, str]:
    """Return the digests of the files that are written."""
    out, _ = bench.optimise(source, "auto", *flags)
    digests = slimzoo.files(out)
    bench.folder("auto")
    return digests


def page(kept: dict) -> str:
    """Return the table and what it comes to."""
    rows = []
    for model, f in kept.items():
        a, b = (f[how] for how in FLAGS)
        rows.append(
            [model, a["rules"], b["rules"], a["tries"], b["tries"]]
            + [lab.percent(b["tries"] - a["tries"], a["tries"])]
            + [f"{1000 * a['seconds']:.1f}", f"{1000 * b['seconds']:.1f}"]
            + [lab.percent(b["seconds"] - a["seconds"], a["seconds"])]
        )
    head = ["model", "rules tried", "--auto", "tries", "--auto", "Δ", "ms", "--auto", "Δ"]
    other = [model for model, f in kept.items() if not f["same"]]
    saved = 1000 * sum(f["standard"]["seconds"] - f["auto"]["seconds"] for f in kept.values())
    return (
        f"With `--auto` a rule sleeps until every operator of its pattern has been seen. Rules written in plain C\n"
        f"are indexed by operator anyway. *ms* is the time of the passes, the median of {RUNS} runs, turn about.\n\n"
        f"{lab.table(head, rows)}\n"
        f"Files that differ: {', '.join(other) or 'none'}. All models together: {saved:+.1f} ms saved.\n"
    )

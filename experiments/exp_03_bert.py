"""BERT-base through the whole pipeline."""

from __future__ import annotations

from functools import partial

import accuracy
import lab
import measure as bench_tool

TITLE = "Experiment 03: BERT-base through the pipeline"
MODEL = "bert_base"
RUNS = 5
SEEDS = range(3)


def units(bench: lab.Lab) -> dict:
    """Its one unit."""
    return {MODEL: ((MODEL,), partial(measure, bench))}


def measure(bench: lab.Lab) -> dict:
    """Return nodes, bytes, passes, accuracy, and seconds beside those of `cp`."""
    source = bench.model(MODEL)
    out, said = bench.optimise(source, "bert")
    diffs = accuracy.differences(source, out, SEEDS)
    found = {
        "nodes": said["nodes"],
        "bytes": said["bytes"],
        "passes": {
            p["name"]: {k: p[k] for k in ("fired", "nodes", "bytes")} for p in said["passes"]
        },
        "max_diff": {
            level: max(d["absolute"] for d in rows) for level, rows in diffs["levels"].items()
        },
        "original": max(d["absolute"] for d in diffs["original"]),
    }
    work = bench.folder("bert")
    tool = [bench.tool, source, work / source.name, "-q"]
    found["seconds"] = bench_tool.medians([source], tool, work, RUNS)
    return found


def page(kept: dict) -> str:
    """Return the plan's box, with its gate."""
    r = kept[MODEL]
    nodes, size, seconds = r["nodes"], r["bytes"], r["seconds"]
    head = [
        (
            "nodes",
            f"{nodes['before']} → {nodes['after']} ({lab.percent(nodes['after'] - nodes['before'], nodes['before'])})",
        ),
        (
            "bytes",
            f"{size['before']} → {size['after']} ({lab.size(size['after'] - size['before'])})",
        ),
        ("max diff, ONNX Runtime's optimizer off", f"{r['max_diff']['off']:.1e}"),
        ("max diff, default level", f"{r['max_diff']['default']:.1e}"),
        ("the original between these two levels", f"{r['original']:.1e}"),
        (
            "time",
            f"{1000 * seconds['onnxslim']:.0f} ms, {seconds['onnxslim'] / seconds['cp']:.2f} × `cp`",
        ),
    ]
    passes = [
        [name, p["fired"], lab.signed(p["nodes"]), lab.size(p["bytes"])]
        for name, p in r["passes"].items()
        if p["fired"]
    ]
    return (
        lab.table(["", "BERT-base"], head, left=2)
        + "\n"
        + ("What each pass took, in the order in which they came to a node:\n\n")
        + lab.table(["pass", "rewrites", "Δ nodes", "Δ bytes"], passes)
    )

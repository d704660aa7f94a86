"""The Transposes of YOLOv8, from two exporters."""

from __future__ import annotations

from collections import Counter
from functools import partial

import lab

TITLE = "Experiment 02: the Transposes of YOLOv8"
MODELS = ("yolov8n", "yolov8s", "yolov8n_tf")


def units(bench: lab.Lab) -> dict:
    """One unit a model."""
    return {n: ((n,), partial(measure, bench, n)) for n in MODELS}


def measure(bench: lab.Lab, name: str) -> dict:
    """Return what became of a model's Transposes, and what the pass takes alone."""
    source = bench.model(name)
    said = bench.say("inspect", source, "--transposes")
    alone = bench.say(source, "--only", "eliminate_redundant_transposes", "--dry-run")["nodes"]
    counts = next(
        (o for o in said["ops"] if o["op_type"] == "Transpose"), {"before": 0, "after": 0}
    )
    pairs = [r["text"] for r in said["remarks"] if r["fired"] and r["rule"] == "compose-transposes"]
    stays = [
        r["text"] for r in said["remarks"] if not r["fired"] and r["rule"] == "push-transposes"
    ]
    pushed = [r["nodes"] for r in said["rules"] if r["rule"].startswith("push-transposes")]
    return {
        "before": counts["before"],
        "cancelling": sum(text.startswith("cancels") for text in pairs),
        "composable": sum(text.startswith("composed") for text in pairs),
        "pushed": -sum(pushed),
        "surviving": counts["after"],
        "alone": alone["after"] - alone["before"],
        "why": Counter(text.split(";")[0] for text in stays),
    }


def page(kept: dict) -> str:
    """Return the table and the answer to the plan's hypothesis."""
    keys = ("before", "cancelling", "composable", "pushed", "surviving", "alone")
    head = ("model", "Transposes", "pairs that cancel", "that compose", "pushed away", "surviving")
    rows = [[m, *(kept[m][k] for k in keys)] for m in kept]
    why = "".join(f"- {m}: {n} × {text}\n" for m in kept for text, n in kept[m]["why"].items())
    direct, by_tf = kept["yolov8n"], kept["yolov8n_tf"]
    verdict = "holds" if direct["cancelling"] or direct["composable"] else "does not hold"
    return (
        f"{lab.table([*head, 'Δ nodes of the pass alone'], rows)}\n"
        f"Why the others stay:\n\n{why}\n"
        f"The plan's hypothesis, that YOLOv8 exports hold Transposes that cancel or compose, {verdict} for today's\n"
        f"ultralytics export: it has {direct['before']}, and {direct['surviving']} of them are needed. The same\n"
        f"network by way of TensorFlow has {by_tf['before']}, of which {by_tf['surviving']} are left.\n"
    )

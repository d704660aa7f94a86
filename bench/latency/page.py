"""results/latency.json, and the table and the plot made of it: python bench/latency/page.py."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "models")]

import zoo  # noqa: E402  (found through the line above)

RESULTS = ROOT / "results" / "latency.json"
PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxsim", "onnxslim")
COLOURS = ("#999999", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b")
BASE, NULL, OURS, ORT = "original", "original again", "onnxslim", "ORT basic"
LEAD = "default, 1"
"""The setting that is plotted."""
ALLOWED = 0.99
"""Share of the speed of the slower of the original and ONNX Runtime's own output that ours must have."""


def load() -> dict:
    """Return what is known: results[model]["settings"][setting][file]."""
    return json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {}


def save(results: dict, machine: dict) -> None:
    """Write what is known, models in the zoo's order."""
    ordered = {name: results[name] for name in zoo.names() if name in results}
    versions = {package: metadata.version(package) for package in PACKAGES}
    whole = {"machine": machine, "versions": versions, "models": ordered}
    RESULTS.write_text(json.dumps(whole, indent=1) + "\n")


def times(ratio: dict) -> str:
    """Return a ratio with its interval."""
    if "ratio" not in ratio:
        return "1"
    return f"{ratio['ratio']:.3f} ({ratio['low']:.3f}–{ratio['high']:.3f})"


def rows(name: str, settings: dict) -> list[str]:
    """Return a model's rows of the table."""
    return [
        f"| {name} | {setting} | {label} | {row['median_ms']:.2f} | {times(row)} "
        f"| {row['create_ms']:.0f} |"
        for setting, found in settings.items()
        for label, row in found.items()
    ]


def is_noise(found: dict) -> bool:
    """Tell whether ours may be as fast as the original, or differs as the original does from itself."""
    ours, null = found[OURS], found[NULL]
    return ours["low"] <= max(1, null["high"]) and ours["high"] >= min(1, null["low"])


def change(found: dict) -> str:
    """Return the change of latency in percent, with its interval, or that there is none to speak of."""
    if is_noise(found):
        return "noise"
    ratio, low, high = (100 * (found[OURS][k] - 1) for k in ("ratio", "low", "high"))
    return f"{ratio:+.1f} % ({low:+.1f} to {high:+.1f})"


def slower(models: dict) -> list[str]:
    """Return where ours is surely slower than allowed at ONNX Runtime's default level."""
    return [
        f"{name} ({setting})"
        for name, entry in models.items()
        for setting, found in entry["settings"].items()
        if setting.startswith("default")
        and found[OURS]["low"] > max(1.0, found[ORT]["ratio"]) / ALLOWED
    ]


def cut_note(models: dict) -> str:
    """Return which models stand for themselves with their first layers only; may be empty."""
    cut = [
        f"{name}: its first {e['layers']} layers" for name, e in models.items() if e.get("layers")
    ]
    return f"{', '.join(cut)}, as the whole would not fit into memory several times." if cut else ""


def markdown(whole: dict) -> str:
    """Return the page."""
    machine = whole["machine"]
    versions = ", ".join(f"{package} {v}" for package, v in whole["versions"].items())
    lines = [
        "# Latency in ONNX Runtime",
        "",
        "Written by `make latency` from `results/latency.json`. Batch 1, 128 tokens. *Setting* is ONNX Runtime's",
        "optimisation level and its number of threads. *Of the original*: the ratio of medians with its 95 % bootstrap",
        "interval over processes and rounds; *original again* is the same file under another name, and shows what the",
        "method itself gets wrong. *Open* is how long creating the session takes.",
        "",
        *([note, ""] if (note := cut_note(whole["models"])) else []),
        f"Measured on {machine['cores']} cores of {machine['cpu']}, with {versions}.",
        "",
        f"Surely below {ALLOWED} of the speed of the slower of the original and ONNX Runtime's own output: "
        f"{', '.join(slower(whole['models'])) or 'none'}.",
        "",
        "![Latency](latency.svg)",
        "",
        "| model | setting | file | ms | of the original | open, ms |",
        "|---|---|---|--:|--:|--:|",
    ]
    for name, entry in whole["models"].items():
        lines += rows(name, entry["settings"])
    return "\n".join(lines) + "\n"


def family(label: str) -> str:
    """Return the name a file has in the legend: the best peer is another one from model to model."""
    return label if label in (BASE, NULL, OURS, ORT) else "best peer"


def plot(models: dict, out: Path) -> None:
    """Draw the ratios with their intervals, one group a model."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "onnxslim"  # the same picture from the same numbers
    found = {n: e["settings"][LEAD] for n, e in models.items() if LEAD in e["settings"]}
    labels = list(
        dict.fromkeys(family(x) for row in found.values() for x in row if x != "original")
    )
    figure, axes = plt.subplots(figsize=(8, 1 + 0.45 * len(found)), layout="constrained")
    for k, label in enumerate(labels):
        at, ratio, below, above = [], [], [], []
        for y, row in enumerate(found.values()):
            for name, r in row.items():
                if family(name) == label and "ratio" in r:
                    at.append(y + (k - (len(labels) - 1) / 2) * 0.16)
                    ratio.append(r["ratio"])
                    below.append(r["ratio"] - r["low"])
                    above.append(r["high"] - r["ratio"])
        colour = COLOURS[k % len(COLOURS)]
        axes.errorbar(ratio, at, xerr=[below, above], fmt="o", ms=3, color=colour, label=label)
    axes.axvline(1, color="black", lw=0.6)
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set_xlabel(f"latency over the original's, with 95 % interval ({LEAD} thread)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(out, metadata={"Date": None})
    plt.close(figure)


def write() -> None:
    """Write the table and the plot."""
    whole = json.loads(RESULTS.read_text())
    RESULTS.with_suffix(".md").write_text(markdown(whole))
    plot(whole["models"], RESULTS.with_suffix(".svg"))


if __name__ == "__main__":
    write()

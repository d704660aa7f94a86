"""What `make speed` promises and shows: the bounds, results/speed.json, and the page and plot made of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "models"), str(ROOT / "tools")]

import measure  # noqa: E402  (found through the line above)
import zoo  # noqa: E402

RESULTS = ROOT / "results" / "speed.json"
PAGE, PLOT = RESULTS.with_suffix(".md"), RESULTS.with_suffix(".svg")
AGAIN = "bert_base, again"
"""A second run, on our own output: every weight stays as it is."""
BOUNDS = {
    "bert_base": 1.6,
    "bert_large": 1.6,
    "whisper_tiny_encoder": 1.7,
    "whisper_base_encoder": 1.7,
    "deit_small": 1.7,
    "phi_2": 1.7,
    "yolov8n": 1.15,
    AGAIN: 1.15,
}
"""The whole process, in times of what `cp` of the same files takes."""
HEAD = """# Speed

`make speed` wrote this. The whole process against `cp --reflink=never` of the model's files to new ones, turn about,
on a warm cache, without fsync on either side; medians, and the quartiles of the ratio. Memory at its worst: of the
process's own, and pages of the model that are mapped, which the system takes back as it likes.
"""


def load() -> dict[str, dict]:
    """Return what is known, by row."""
    return json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else {}


def save(rows: dict[str, dict]) -> None:
    """Write what is known, rows in the order of the bounds, then of the zoo."""
    names = dict.fromkeys([*BOUNDS, *zoo.names()])
    ordered = {name: rows[name] for name in names if name in rows}
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps({"machine": measure.machine(), "rows": ordered}, indent=1) + "\n")
    part.replace(RESULTS)


def met(name: str, row: dict) -> bool | None:
    """Tell whether a row is within its bound; None if it has none."""
    return row["ratio"]["median"] <= BOUNDS[name] if name in BOUNDS else None


def models(rows: dict[str, dict]) -> list[str]:
    """Return the table of models."""
    lines = [
        "| model | MB | cp (ms) | onnxslim (ms) | times cp | quartiles | bound | own memory (MB) | mapped (MB) |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        ratio, seconds, memory = row["ratio"], row["seconds"], row["memory"]
        verdict = {
            None: "",
            True: f"≤ {BOUNDS.get(name)}",
            False: f"**missed: {BOUNDS.get(name)}**",
        }
        cells = [
            name,
            f"{row['bytes'] / 1e6:.0f}",
            f"{1000 * seconds['cp']:.1f}",
            f"{1000 * seconds['onnxslim']:.1f}",
            f"{ratio['median']:.2f}",
            f"{ratio['low']:.2f} to {ratio['high']:.2f}",
            verdict[met(name, row)],
            f"{memory['anonymous'] / 1e6:.0f}",
            f"{memory['file_backed'] / 1e6:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def peers(rows: dict[str, dict]) -> list[str]:
    """Return the table of the peers, nothing if none was run."""
    lines = [
        "",
        "## Peers",
        "",
        "| model | tool | seconds | times cp | peak memory (MB) |",
        "|---|---|--:|--:|--:|",
    ]
    start = len(lines)
    for name, row in rows.items():
        ours = {
            "seconds": row["seconds"]["onnxslim"],
            "memory": row["memory"]["peak"],
            "version": "ours",
        }
        for tool, said in (
            {"onnxslim": ours, **row.get("peers", {})}.items() if "peers" in row else ()
        ):
            ratio = said["seconds"] / row["seconds"]["cp"]
            cells = [name, f"{tool} ({said['version']})", f"{said['seconds']:.2f}", f"{ratio:.1f}"]
            lines.append(f"| {' | '.join(cells)} | {said['memory'] / 1e6:.0f} |")
    return lines if len(lines) > start else []


def plot(rows: dict[str, dict]) -> None:
    """Draw the ratios beside their bounds."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "onnxslim"
    from matplotlib import pyplot

    names = list(rows)
    figure, axes = pyplot.subplots(figsize=(6, 1 + 0.3 * len(names)), layout="constrained")
    ratios = [rows[name]["ratio"] for name in names]
    middle = [r["median"] for r in ratios]
    spread = [[r["median"] - r["low"] for r in ratios], [r["high"] - r["median"] for r in ratios]]
    axes.errorbar(middle, range(len(names)), xerr=spread, fmt="o", capsize=3, label="onnxslim")
    bound = [(BOUNDS[name], i) for i, name in enumerate(names) if name in BOUNDS]
    if bound:
        axes.plot(*zip(*bound, strict=True), "|", markersize=14, color="tab:red", label="bound")
    axes.axvline(1, color="gray", linewidth=1)
    axes.set(
        xlabel="times what cp of the same files takes", yticks=range(len(names)), yticklabels=names
    )
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.legend()
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def write(rows: dict[str, dict]) -> None:
    """Write the page and the plot."""
    lines = [*models(rows), "", f"![times cp]({PLOT.name})", *peers(rows)]
    PAGE.write_text(HEAD + "\n" + "\n".join(lines) + "\n")
    plot(rows)

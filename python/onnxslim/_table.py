"""Models side by side as a table of text."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

Row = Sequence[str]
_ELAPSED = "Elapsed Time"
_WIDEST = 40  # columns of a cell; longer texts are wrapped
_GREEN, _PLAIN = "\033[32m", "\033[0m"


def bytes_text(size: int) -> str:
    """Return ``12.34 MB``; a kilobyte has 1024 bytes."""
    value, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            break
        value /= 1024
    return f"{value:.2f} {unit}"


def has_color(out: IO[str]) -> bool:
    """Return whether colour is welcome: a terminal, and no ``NO_COLOR``."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _opsets(summary: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['domain']} {row['version']}".strip() for row in summary["opsets"])


def _wrapped(text: str) -> list[str]:
    return [text[i : i + _WIDEST] for i in range(0, len(text), _WIDEST)] or [""]


def _value_rows(summaries: Sequence[Mapping[str, Any]], key: str, label: str) -> list[Row]:
    names = dict.fromkeys(row["name"] for summary in summaries for row in summary[key])
    types = [{row["name"]: row["type"] for row in summary[key]} for summary in summaries]
    return [(f"{label}: {name}", *(known.get(name, "") for known in types)) for name in names]


def _operator_rows(summaries: Sequence[Mapping[str, Any]]) -> list[Row]:
    counts = [
        {(row["domain"], row["op_type"]): row["count"] for row in summary["ops"]}
        for summary in summaries
    ]
    kinds = sorted({kind for count in counts for kind in count}, key=lambda kind: kind[::-1])
    return [
        (
            f"{domain}::{op}" if domain else op,
            *(str(count.get((domain, op), 0)) for count in counts),
        )
        for domain, op in kinds
    ]


def sections(tags: Sequence[str], summaries: Sequence[Mapping[str, Any]]) -> list[list[Row]]:
    """Return the groups of rows that describe the models, one column for each."""
    sizes = [summary["bytes"] + summary["external_bytes"] for summary in summaries]
    return [
        [("Model Name", *tags)],
        [
            (
                "Model Info",
                *(f"Op Set: {_opsets(s)} / IR Version: {s['ir_version']}" for s in summaries),
            )
        ],
        _value_rows(summaries, "inputs", "IN") + _value_rows(summaries, "outputs", "OUT"),
        _operator_rows(summaries),
        [
            ("Nodes", *(str(s["nodes"]) for s in summaries)),
            ("Parameters", *(str(s["parameters"]) for s in summaries)),
            ("Model Size", *(bytes_text(size) for size in sizes)),
        ],
    ]


def _is_less(text: str, than: str) -> bool:
    return text.isdigit() and than.isdigit() and int(text) < int(than)


def _lines(row: Row, widths: Sequence[int], color: bool) -> list[str]:
    cells = [_wrapped(text) for text in row]
    lines = []
    for k in range(max(map(len, cells))):
        parts = []
        for i, (cell, width) in enumerate(zip(cells, widths, strict=False)):
            text = cell[k] if k < len(cell) else ""
            shown = text.center(width)
            if color and i > 1 and _is_less(row[i], row[1]):
                shown = f"{_GREEN}{shown}{_PLAIN}"
            parts.append(shown)
        lines.append("| " + " | ".join(parts) + " |")
    return lines


def render(
    tags: Sequence[str],
    summaries: Sequence[Mapping[str, Any]],
    seconds: float | None = None,
    color: bool = False,
) -> str:
    """Return the table; the first model is what the others are compared with.

    Args:
        tags: what to call the models.
        summaries: what ``onnxslim.inspect`` read, one for each.
        seconds: how long it took, for a last line.
        color: show counts that fell in green.
    """
    groups = sections(tags, summaries)
    rows = [row for group in groups for row in group]
    columns = range(len(tags) + 1)
    widths = [min(_WIDEST, max(len(row[i]) for row in rows)) for i in columns]
    widths[0] = max(widths[0], len(_ELAPSED))
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    out = [rule]
    for group in groups:
        for row in group:
            out += _lines(row, widths, color)
        if group:
            out.append(rule)
    if seconds is not None:
        rest = sum(widths[1:]) + 3 * (len(widths) - 2)
        out.append(f"| {_ELAPSED.center(widths[0])} | {f'{seconds:.2f} s'.center(rest)} |")
        out.append(rule)
    return "\n".join(out)


def show(
    tags: Sequence[str], summaries: Sequence[Mapping[str, Any]], seconds: float | None = None
) -> None:
    """Print the table to standard output."""
    print(render(tags, summaries, seconds, has_color(sys.stdout)))

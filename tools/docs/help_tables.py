"""Commands, flags and exit codes as tables, made of what `onnxslim --help` prints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def groups(tool: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the groups of --help: terms with what they mean."""
    done = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True)
    found: dict[str, list[tuple[str, str]]] = {}
    rows: list[tuple[str, str]] | None = None
    for line in done.stdout.splitlines():
        if titled := re.match(r"(\w[\w ]*?)(?: \(.*\))?:$|(\w[\w ]*?) \(", line):
            rows = found.setdefault(titled[1] or titled[2], [])
        elif not line.startswith("  "):
            rows = None
        elif rows is None:
            continue
        elif line[2] != " ":
            term, _, text = line[2:].partition("  ")
            rows.append((term.rstrip(), text.strip()))
        else:
            term, text = rows[-1]
            rows[-1] = term, f"{text} {line.strip()}".strip()
    return {title: rows for title, rows in found.items() if rows}


def cell(text: str) -> str:
    """Return a text for a cell of a table, where nothing but `|` means something; in code not even that."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def table(head: str, rows: list[tuple[str, str]]) -> str:
    """Return one group."""
    lines = [f"| {head} | |", "| --- | --- |"]
    lines += [f"| `{term}` | {cell(text)} |" for term, text in rows]
    return "\n".join([*lines, ""])


def commands(tool: Path) -> str:
    """Return the table of commands."""
    return table("command", groups(tool)["Commands"])


def flags(tool: Path) -> str:
    """Return the tables of flags, each under its title."""
    left_out = ("Commands", "Environment", "Exit codes", "Examples")
    found = {t: rows for t, rows in groups(tool).items() if t not in left_out}
    return "\n".join(f"### {title}\n\n{table('flag', rows)}" for title, rows in found.items())


def environment(tool: Path) -> str:
    """Return the table of environment variables."""
    return table("variable", groups(tool)["Environment"])


def exit_codes(tool: Path) -> str:
    """Return the table of exit codes."""
    return table("code", groups(tool)["Exit codes"])

"""A page for every pass: what its file says of it, what the library lists, drawings of its golden cases."""

from __future__ import annotations

import json
import re
import subprocess
from html import escape
from itertools import pairwise
from pathlib import Path

import golden
import golden_choice
import graph_panel

ROOT = golden_choice.ROOT
PASSES = ROOT / "src" / "passes"
FIELDS = ("Before", "After", "Formula", "When not", "Exactness")
WRAPPED_AT = 84
"""A comment's line that is shorter, with the next word, than this was ended on purpose."""


def listed(tool: Path) -> list[dict]:
    """Return the passes in pipeline order, with their rules, as the library knows them."""
    done = subprocess.run([tool, "passes", "--json", "-"], capture_output=True, check=True)
    return json.loads(done.stdout)["passes"]


# --- what the pass's file says ---------------------------------------------------------------------------------


def header(name: str) -> list[tuple[str | None, list[str]]]:
    """Return the opening comment of a pass's file: fields with their lines, and paragraphs without a name."""
    text = (PASSES / f"{name}.c").read_text()
    comment = text[len("/*") : text.index("*/")]
    found: list[tuple[str | None, list[str]]] = []
    fresh = True
    for line in comment.splitlines()[1:]:
        line = line.removeprefix(" *").rstrip()
        named = re.match(rf" ({'|'.join(FIELDS)}):? +(.*)", line)
        if not line.strip():
            fresh = True
        elif named:
            found.append((named[1], [named[2]]))
            fresh = False
        elif fresh:
            found.append((None, [line.strip()]))
            fresh = False
        else:
            found[-1][1].append(line.strip())
    return found


def joined(lines: list[str]) -> list[str]:
    """Return the lines as they were meant: those that were only wrapped are one."""
    found = [lines[0]]
    for before, line in pairwise(lines):
        if len(before) + 1 + len(line.split()[0]) < WRAPPED_AT:
            found.append(line)
        else:
            found[-1] += " " + line
    return found


def specification(name: str) -> str:
    """Return the opening comment as a description list; paragraphs follow where they stand."""
    made, opened = "", False
    for field, lines in header(name):
        if bool(field) != opened:
            made += "</dl>\n\n" if opened else '\n<dl class="spec">\n'
            opened = bool(field)
        if field:
            text = "<br>".join(escape(line) for line in joined(lines))
            made += f"<dt>{field}</dt><dd>{text}</dd>\n"
        else:
            made += f"{' '.join(lines)}\n"
    return made + ("</dl>\n" if opened else "")


def place(name: str) -> str:
    """Return why the pass stands where it does in the pipeline."""
    row = re.search(rf"^PASS\({name}\) *(?:/\*(.*)\*/)?", (PASSES / "passes.def").read_text(), re.M)
    return row[1].strip() if row and row[1] else ""


# --- the page --------------------------------------------------------------------------------------------------


def badge(bitwise: bool) -> str:
    """Return the mark that says whether every bit stays."""
    word, kind = ("bit-exact", "exact") if bitwise else ("rounds", "rounds")
    return f'<span class="badge {kind}">{word}</span>'


def what(rule: dict) -> str:
    """Return what a rule does, in a line."""
    if rule["doc"]:
        return escape(rule["doc"].replace("=>", "→"), quote=False)
    return f"`{rule['match']}` → `{rule['replace']}`"


def example(shown: golden_choice.Shown) -> str:
    """Return the drawings of an example, with its case."""
    flags = shown.case.get("flags") or "none"
    graphs = "\n".join(graph_panel.before_and_after(shown.before, shown.after))
    before, after = (golden.model_text(m) for m in (shown.before, shown.after))
    text = "".join(
        f'    ```text title="{title}"\n{"".join(f"    {line}" + chr(10) for line in model.splitlines())}    ```\n\n'
        for title, model in (("before", before), ("after", after))
    )
    return (
        f'<div class="graphs">\n{graphs}</div>\n\n'
        f"{shown.comment}\n\n"
        f'??? note "The models as text"\n\n'
        f"    From `{shown.name}`, with the flags `{flags}`.\n\n{text}"
    )


def rules_table(rules: list[dict]) -> str:
    """Return all rules of a pass with their exactness."""
    rows = (f"| [`{r['name']}`](#{r['name']}) | {badge(r['bitwise'])} | {what(r)} |" for r in rules)
    return "\n".join(["| rule | | what it does |", "| --- | --- | --- |", *rows, ""])


def page(tool: Path, one: dict) -> str:
    """Return the page of a pass."""
    name, rules = one["name"], one["rules"]
    examples = golden_choice.shown(tool, name)
    best = golden_choice.choose(examples, [r["name"] for r in rules])
    run = "Runs by default." if one["by_default"] else "Runs only if asked for."
    text = (
        f"# {name}\n\n{one['doc'][:1].upper()}{one['doc'][1:]}.\n\n"
        f"{badge(one['bitwise'])} {run}"
        f"{' With `--exact` only its bit-exact rules do.' if mixed(one) else ''}\n"
        f"{specification(name)}\n"
    )
    if why := place(name):
        text += f"**Its place in the pipeline:** {why}.\n\n"
    if not rules:
        return text + f"## Example\n\n{example(examples[0])}"
    text += f"## Rules\n\n{rules_table(rules)}\n"
    for rule in rules:
        name = rule["name"]
        text += f"### `{name}` {{ #{name} }}\n\n{badge(rule['bitwise'])} {what(rule)}\n\n"
        text += example(best[name]) if name in best else ""
    return text


def mixed(one: dict) -> bool:
    """Tell whether some rules of a pass are bit-exact and some round."""
    return len({r["bitwise"] for r in one["rules"]}) == 2


def overview(passes: list[dict]) -> str:
    """Return the table of all passes, in pipeline order."""
    rows = [
        f"| [`{p['name']}`]({p['name']}.md) | {p['doc']}{'' if p['by_default'] else ' *(on request)*'} | "
        f"{sum(r['bitwise'] for r in p['rules'])} | {sum(not r['bitwise'] for r in p['rules'])} |"
        for p in passes
    ]
    head = ["| pass | what it does | bit-exact | rounds |", "| --- | --- | --: | --: |"]
    return "\n".join([*head, *rows, ""])

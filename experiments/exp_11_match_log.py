"""Everything cleanup_attention looked at on BERT-base: what it rewrote, what it refused, and why."""

from __future__ import annotations

from collections import Counter
from functools import partial

import lab

TITLE = "Experiment 11: the match log of cleanup_attention"
MODEL, PASS = "bert_base", "cleanup_attention"
SETTINGS = {"alone, on the raw export": ("--only", PASS), "in the pipeline": ()}


def units(bench: lab.Lab) -> dict:
    """One unit a setting."""
    return {key: ((MODEL,), partial(measure, bench, flags)) for key, flags in SETTINGS.items()}


def measure(bench: lab.Lab, flags: tuple[str, ...]) -> dict:
    """Return the remarks of the pass, and what it took."""
    said = bench.say(bench.model(MODEL), "--dry-run", "--remarks=all", *flags)
    keys = ("fired", "rule", "node", "text")
    return {
        "nodes": said["nodes"],
        "rules": [
            {k: r[k] for k in ("rule", "tried", "fired", "missed", "nodes")}
            for r in said["rules"]
            if r["pass"] == PASS
        ],
        "remarks": [{k: r[k] for k in keys} for r in said["remarks"] if r["pass"] == PASS],
    }


def page(kept: dict) -> str:
    """Return the counts of the rules, the reasons of refusals, and the whole log."""
    text = ""
    for setting, found in kept.items():
        nodes = found["nodes"]
        rules = [[*r.values()] for r in found["rules"]]
        missed = Counter((r["rule"], r["text"]) for r in found["remarks"] if not r["fired"])
        refusals = [[rule, why, n] for (rule, why), n in missed.most_common()]
        log = [
            ["fired" if r["fired"] else "refused", r["rule"], r["node"], r["text"]]
            for r in found["remarks"]
        ]
        text += (
            f"## {setting[0].upper()}{setting[1:]}: {nodes['before']} → {nodes['after']} nodes\n\n"
            f"{lab.table(['rule', 'candidates', 'fired', 'refused', 'Δ nodes'], rules)}\n"
            + (
                f"Refusals by reason:\n\n{lab.table(['rule', 'reason', 'times'], refusals, left=2)}\n"
                if refusals
                else "Nothing was refused.\n\n"
            )
            + f"<details><summary>The whole log: {len(log)} remarks</summary>\n\n"
            + f"{lab.table(['', 'rule', 'node', 'remark'], log, left=4)}\n</details>\n\n"
        )
    return text

"""What `--history` says, replayed: the steps must lead from one graph to the other."""

from __future__ import annotations

import json
from pathlib import Path

from tool import Tool


def report(tool: Tool, *args: str | Path) -> dict:
    """Run with --history; returns the report after checking it."""
    done = tool.ok(*args, "--history", "--json=-", "-q")
    assert b"<" not in done.stdout
    found = json.loads(done.stdout)
    replay(found["history"])
    return found


def ids(graph: dict) -> set[int]:
    """Return the ids of a graph's nodes, each of which stands there once."""
    rows = [n["id"] for n in graph["nodes"]]
    assert len(rows) == len(set(rows))
    return set(rows)


def replay(history: dict) -> None:
    """Apply the steps to the nodes of the first graph: what is left must be the second one's."""
    alive = ids(history["before"])
    passing = {n["id"] for n in history["passing"]}
    for step in history["rewrites"]:
        removed, made = set(step.get("removed", ())), set(step.get("made", ()))
        assert removed <= alive
        alive -= removed
        assert not made & alive
        alive |= made
        assert set(step.get("changed", ())) <= alive
    after = ids(history["after"])
    assert alive == after
    assert not passing & (after | ids(history["before"]))
    assert {n["id"] for n in history["refused"]} <= after
    for graph in (history["before"], history["after"]):
        known = {v["id"] for v in graph["values"]} | {-1}
        for node in graph["nodes"]:
            assert set(node.get("in", ())) | set(node.get("out", ())) <= known

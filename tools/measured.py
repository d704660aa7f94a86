"""What was measured: results/*.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "results"
UNKNOWN = "not measured"


@cache
def results(name: str) -> dict:
    """Return a file of results/; empty if it was not measured."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def units(name: str) -> dict[str, dict]:
    """Return the units of an experiment."""
    return results(name).get("units", {})


def settings(model: str) -> dict[str, dict]:
    """Return what was timed of a model, by ONNX Runtime's level and threads."""
    return results("latency").get("models", {}).get(model, {}).get("settings", {})

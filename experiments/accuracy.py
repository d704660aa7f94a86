"""How far two models' outputs lie apart in ONNX Runtime, seed by seed; each model runs in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

import numeric
import slimzoo


def largest(values: list[np.ndarray]) -> float:
    """Return the largest finite output."""
    floats = (v[np.isfinite(v)] for v in values if np.issubdtype(v.dtype, np.inexact))
    return max((float(np.max(np.abs(v))) for v in floats if v.size), default=0.0)


def compare(a: list[list], b: list[list]) -> list[dict]:
    """Return the difference of each seed: absolute, of the largest output, of what is allowed."""
    rows = []
    for xs, ys in zip(a, b, strict=True):
        pairs = list(zip(xs, ys, strict=True))
        worst = max(numeric.max_diff(x, y) for x, y in pairs)
        share = max(numeric.max_diff(x, y) / (numeric.tolerance(x) or 1.0) for x, y in pairs)
        rows.append({"absolute": worst, "relative": worst / (largest(xs) or 1.0), "share": share})
    return rows


def differences(original: Path, ours: Path, seeds: Iterable[int]) -> dict:
    """Return the differences of two models at both levels, and the original's own between them."""
    graph = onnx.load(original, load_external_data=False).graph
    fed = [slimzoo.feeds(graph, seed) for seed in seeds]
    size = sum(p.stat().st_size for p in original.parent.glob(f"{original.stem}.*"))
    lean = size > numeric.LEAN
    reference = {level: numeric.run_apart(original, level, fed, lean) for level in numeric.LEVELS}
    return {
        "levels": {
            level: compare(found, numeric.run_apart(ours, level, fed, lean))
            for level, found in reference.items()
        },
        "original": compare(*reference.values()),
    }

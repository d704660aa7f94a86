"""What the samples say: the ratio of two models' medians, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 4000


def ratio(base: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    """Return the ratio of medians: per process, then the geometric mean of the processes."""
    logs = [np.log(np.median(o) / np.median(b)) for b, o in zip(base, other, strict=True)]
    return float(np.exp(np.mean(logs)))


def interval(
    base: Sequence[np.ndarray], other: Sequence[np.ndarray], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of ratio().

    Two levels: processes are drawn again, because where a process puts its memory stays with it for all its
    runs, and rounds within them, in pairs, because a disturbance hits the runs of one round alike.
    Few processes would make it too narrow: the spread is widened by sqrt(n / (n - 1)).
    """
    rng = np.random.default_rng(seed)
    n = len(base)
    drawn = np.empty((n, RESAMPLES))
    for p, (b, o) in enumerate(zip(base, other, strict=True)):
        picks = rng.integers(0, len(b), (RESAMPLES, len(b)))
        drawn[p] = np.log(np.median(o[picks], axis=1) / np.median(b[picks], axis=1))
    chosen = rng.integers(0, n, (n, RESAMPLES))
    means = drawn[chosen, np.arange(RESAMPLES)].mean(axis=0)
    centre = np.log(ratio(base, other))
    widen = np.sqrt(n / (n - 1)) if n > 1 else 1.0
    low, high = np.quantile(centre + widen * (means - centre), [0.025, 0.975])
    return float(np.exp(low)), float(np.exp(high))


def summary(processes: Sequence[Mapping], names: Sequence[str]) -> dict[str, dict]:
    """Return what is reported of each model, against the first; `processes` is what the workers printed."""
    times = {name: [np.asarray(p["runs"][name]) for p in processes] for name in names}
    rows = {}
    for name, mine in times.items():
        rows[name] = {
            "median_ms": 1000 * float(np.median(np.concatenate(mine))),
            "create_ms": 1000 * float(np.median([p["create"][name] for p in processes])),
        }
        if name != names[0]:
            low, high = interval(times[names[0]], mine)
            rows[name] |= {"ratio": ratio(times[names[0]], mine), "low": low, "high": high}
    return rows

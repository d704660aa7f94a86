"""What is concluded from timings: the null row covers 1, a real difference is found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "latency"))

import page
import stats
import worker


def timings(seed: int, factor: float, processes: int = 6) -> tuple[list, list]:
    """Two models whose processes differ by 1 %, with disturbances that hit both."""
    rng = np.random.default_rng(seed)
    both: tuple[list, list] = ([], [])
    for _ in range(processes):
        disturbed = 1 + rng.exponential(0.05, 50)
        for times, scale in zip(both, (1, factor), strict=True):
            own = np.exp(rng.normal(0, 0.01))
            times.append(scale * own * (10 * disturbed + rng.exponential(0.2, 50)))
    return both


@pytest.mark.parametrize("factor", [1.0, 0.9, 1.2])
def test_interval_covers_the_truth_as_often_as_it_says(factor, monkeypatch):
    monkeypatch.setattr(stats, "RESAMPLES", 300)
    bounds = [stats.interval(*timings(seed, factor)) for seed in range(40)]
    assert sum(low <= factor <= high for low, high in bounds) >= 35
    assert max(high - low for low, high in bounds) < 0.1


def test_ratio_ignores_what_makes_a_whole_process_slow():
    base = [np.full(5, 10.0), np.full(5, 20.0)]
    other = [np.full(5, 9.0), np.full(5, 18.0)]
    assert stats.ratio(base, other) == pytest.approx(0.9)
    assert stats.interval(base, other) == pytest.approx((0.9, 0.9))


def test_every_model_runs_in_every_place():
    names = ["a", "b", "c"]
    orders = list(worker.orders(names, 6))
    assert all(sorted(order) == names for order in orders)
    assert {order[0] for order in orders} == {order[-1] for order in orders} == set(names)


@pytest.mark.parametrize(
    ("low", "high", "noise"),
    [(0.90, 0.95, False), (1.04, 1.06, False), (0.97, 1.01, True), (0.95, 0.985, True)],
)
def test_what_the_original_differs_from_itself_by_is_noise(low, high, noise):
    ours = {"ratio": (low + high) / 2, "low": low, "high": high}
    found = {page.OURS: ours, page.NULL: {"ratio": 1.0, "low": 0.98, "high": 1.02}}
    assert page.is_noise(found) == noise
    assert (page.change(found) == "noise") == noise

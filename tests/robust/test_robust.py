"""Malformed models and refused memory: an error or a valid result, never a crash, a leak or a hang.

`make test` runs a part; `make robust` runs everything, under ASan and UBSan.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import materialize

FULL = bool(os.environ.get("ONNXSLIM_ROBUST"))  # set by `make robust`
SEED = 20
ZOO = ["mobilenetv3_small", "yolov8n"]
ZOO_PLACES = 5000 if FULL else 150
SMALL_PLACES = 0 if FULL else 40  # 0: all of them
EXTREMES = 0 if FULL else 60
TIMEOUT = 2 * 3600 if FULL else 900
SHARDS = 16 if FULL else 2  # of the small models: the processes share them


def robust(build: Path, mode: str, *args: object) -> str:
    done = subprocess.run(
        [build / "robust", mode, *map(str, args)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    print(done.stdout)
    return done.stdout


def part(paths: list[Path], shard: int) -> list[Path]:
    """Every n-th of the models."""
    return paths[shard::SHARDS]


shards = pytest.mark.parametrize("shard", range(SHARDS))


@pytest.mark.parametrize("mode", ["flip", "cut"])
@pytest.mark.parametrize("name", ZOO)
def test_real_models(build, name, mode):
    robust(build, mode, SEED, ZOO_PLACES, materialize.materialize(name))


def test_every_allocation_fails_once(build, three):
    robust(build, "alloc", *three)


@pytest.mark.parametrize("mode", ["flip", "cut"])
@pytest.mark.parametrize("model", range(3), ids=["cnn", "control", "transformer"])
def test_three_models(build, three, model, mode):
    """In full: every bit, every length."""
    robust(build, mode, SEED, 0 if FULL or mode == "cut" else 700, three[model])


@shards
@pytest.mark.parametrize("mode", ["flip", "cut"])
def test_golden_models(build, goldens, mode, shard):
    robust(build, mode, SEED, SMALL_PLACES, *part(goldens, shard))


@shards
def test_fields_left_out(build, goldens, three, shard):
    robust(build, "drop", SEED, EXTREMES, *part(goldens + three, shard))


@shards
def test_extreme_integers(build, goldens, three, shard):
    """Dims, attributes and shapes near the ends of their range: no overflow in any arithmetic (UBSan looks)."""
    robust(build, "extreme", SEED, EXTREMES, *part(goldens + three, shard))

"""What fuzzing has reached and found, replayed: `make fuzz` adds to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"
TARGETS = sorted(folder.name for folder in CORPUS.iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(build, target):
    folder = CORPUS / target
    done = subprocess.run(
        [build / f"replay-{target}", folder],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{len(list(folder.iterdir()))} inputs\n"


def test_corpora_are_small():
    assert TARGETS == ["pipeline", "rules", "wire"]
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 1 << 20

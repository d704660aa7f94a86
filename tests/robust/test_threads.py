"""Different contexts in different threads do not meet: same bytes as alone. `make tsan` looks for data races."""

from __future__ import annotations

import subprocess
from pathlib import Path

THREADS, ROUNDS, EVERY = 8, 2, 12


def test_threads_are_independent(build, three, goldens: list[Path]):
    models = [*three, *goldens[::EVERY]]
    done = subprocess.run(
        [build / "threads", str(THREADS), str(ROUNDS), *models],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout == f"{THREADS * ROUNDS * len(models)} results, 0 of them wrong\n"

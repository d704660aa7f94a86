"""Node.js, as the tests of the report page run it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 1200


def run_node(node: str, *args: str | Path, **env: str | Path) -> str:
    """Run Node.js in the root; returns what it prints, which a failure shows."""
    done = subprocess.run(
        [node, *args],
        cwd=ROOT,
        env=os.environ | {k: str(v) for k, v in env.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout

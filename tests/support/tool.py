"""The command line under test, run as users run it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 900


@dataclass(frozen=True)
class Tool:
    """The onnxslim binary."""

    path: Path

    def __call__(
        self,
        *args: str | os.PathLike,
        stdin: bytes | None = None,
        stdout: int = subprocess.PIPE,
        limits: Callable[[], None] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess:
        """Run it; bytes in, bytes out, no terminal. A signal is always a failure."""
        done = subprocess.run(
            [self.path, *args],
            input=b"" if stdin is None else stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            preexec_fn=limits,
            restore_signals=limits is None,
            cwd=cwd,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            raise AssertionError(f"{name}: {done.args}\n{done.stderr.decode()}")
        return done

    def ok(self, *args: str | os.PathLike, **kwargs) -> subprocess.CompletedProcess:
        """Run it and insist on exit code 0."""
        done = self(*args, **kwargs)
        assert done.returncode == 0, (
            f"exit {done.returncode}: {[str(a) for a in done.args]}\n{done.stderr.decode()}"
        )
        return done

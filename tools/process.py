"""Run a command under watch: how long it took, how much memory it held, and a stop when it goes too far."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_MEMORY = {"RssAnon": "anonymous", "RssFile": "file_backed", "VmHWM": "peak"}


@dataclass(frozen=True)
class Ended:
    """How a command ended: `stopped` says which limit it broke, if any."""

    code: int
    seconds: float
    memory: dict[str, int]
    stopped: str | None = None


def _held(pid: int) -> dict[str, int]:
    """Return the bytes of memory a process holds, by kind; nothing if it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.partition(":") for line in lines)
    return {_MEMORY[k]: int(v.split()[0]) * 1024 for k, _, v in fields if k in _MEMORY}


def watched(
    command: list,
    interval: float = 0.0005,
    timeout: float | None = None,
    limit: int | None = None,
    log: Path | None = None,
    **options,
) -> Ended:
    """Run a command; kill it after `timeout` seconds or above `limit` bytes of anonymous memory.

    The memory is the largest seen of each kind.  What the command prints goes into `log`.  A command with a
    limit is also the first that the system kills when memory runs out: nobody else should pay for it.
    """
    worst, stopped = dict.fromkeys(_MEMORY.values(), 0), None
    sink = log.open("wb") if log else None
    start = time.perf_counter()
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, **options
        ) as process:
            if limit:
                Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
            while process.poll() is None:
                for kind, size in _held(process.pid).items():
                    worst[kind] = max(worst[kind], size)
                if timeout and time.perf_counter() - start > timeout:
                    stopped = "time"
                elif limit and worst["anonymous"] > limit:
                    stopped = "memory"
                if stopped:
                    process.kill()
                    break
                time.sleep(interval)
            code = process.wait()
    finally:
        if sink:
            sink.close()
    if limit and code == -signal.SIGKILL and not stopped:
        stopped = "memory"
    return Ended(code, time.perf_counter() - start, worst, stopped)

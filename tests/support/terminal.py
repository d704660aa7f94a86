"""The command line on a terminal of its own (a pty)."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from tool import Tool

ERASED = b"\r\x1b[K"
TIMEOUT = 120  # seconds without what a test waits for


def environment(**extra: str) -> dict[str, str]:
    """Return this process' environment without what concerns terminals."""
    ours = ("NO_COLOR", "COLUMNS", "LINES", "TERM")
    return {**{k: v for k, v in os.environ.items() if k not in ours}, "TERM": "xterm", **extra}


def open_terminal(columns: int) -> tuple[int, int]:
    """Return both ends of a terminal of that width: ours and the program's."""
    leader, follower = pty.openpty()
    subprocess.run(["stty", "columns", str(columns)], stdin=follower, check=True)
    return leader, follower


def read_until(leader: int, wanted: bytes | None = None) -> bytes:
    """Read until `wanted` has come; without it until the last process on the terminal is gone, and close it."""
    text, end = b"", time.monotonic() + TIMEOUT
    try:
        while not (wanted and wanted in text):
            assert select.select([leader], [], [], max(0, end - time.monotonic()))[0], text
            if not (some := os.read(leader, 4096)):
                break
            text += some
    except OSError:  # how Linux says that nobody is left
        pass
    if not wanted:
        os.close(leader)
    return text


def on_terminal(
    tool: Tool, *args: object, columns: int = 80, cwd: Path | None = None, code: int = 0, **env: str
) -> str:
    """Return what the tool prints to standard output, a terminal of that width."""
    leader, follower = open_terminal(columns)
    done = subprocess.Popen(
        [tool.path, *args],
        stdout=follower,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env=environment(**env),
    )
    os.close(follower)
    text = read_until(leader)
    assert done.wait() == code, text
    return text.decode().replace("\r\n", "\n")

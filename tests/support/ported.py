"""The command line built for another platform, run here: WebAssembly in Node, Windows in Wine."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 900


@dataclass(frozen=True)
class Run:
    """What a run left: its exit code (a text if it crashed) and what it printed."""

    code: int | str
    out: bytes
    err: bytes


def need(setup: str, *programs: str) -> None:
    """Skip unless all programs are there."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed here: make {setup}")


def need_wasm() -> None:
    """Skip unless there is what builds and runs WebAssembly."""
    need("setup-wasm", "clang-14", "wasm-ld-14", "llvm-ar-14", "node")
    if not Path("/usr/lib/wasm32-wasi").exists():
        pytest.skip("wasi-libc is not installed here: make setup-wasm")


def make(target: str) -> None:
    """Build the target of the Makefile; what is up to date costs a second."""
    done = subprocess.run(
        ["make", "-s", "-C", ROOT, f"-j{len(os.sched_getaffinity(0))}", target],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Wasm:
    """onnxslim.wasm in Node's WASI."""

    def __call__(self, folder: Path, runs: list[list[str]], stdin: str | None = None) -> list[Run]:
        """Run it for each list of arguments; it sees the folder as the current one."""
        lines = [json.dumps({"args": args, "stdin": stdin}) for args in runs]
        script = ROOT / "tests" / "platforms" / "wasi.mjs"
        program = ROOT / "build" / "wasm" / "onnxslim.wasm"
        # Node 20 dies of its own fast calls when a module's seventh instance asks WASI for something.
        flags = ["--no-warnings", "--no-turbo-fast-api-calls"]
        done = subprocess.run(
            ["node", *flags, script, program, folder],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [Run(code, base64.b64decode(out), base64.b64decode(err)) for code, out, err in rows]


@dataclass(frozen=True)
class Windows:
    """onnxslim.exe in Wine."""

    home: Path  # Wine's own files

    def __call__(self, folder: Path, runs: list[list[str]], stdin: str | None = None) -> list[Run]:
        """Run it for each list of arguments in the folder."""
        program = ROOT / "build" / "windows" / "onnxslim.exe"
        env = os.environ | {"WINEPREFIX": str(self.home), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8"}
        results = []
        for args in runs:
            data = (folder / stdin).read_bytes() if stdin else b""
            done = subprocess.run(
                ["wine", program, *args],
                cwd=folder, input=data, capture_output=True, env=env, timeout=TIMEOUT, check=False,
            )  # fmt: skip
            # Wine's own services complain on the same stream; our lines begin with our name.
            ours = re.sub(rb"^wine: .*\n", b"", done.stderr, flags=re.MULTILINE)
            results.append(Run(done.returncode, done.stdout, ours))
        return results

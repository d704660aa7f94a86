"""SIGINT and SIGTERM at any moment: the old files are as they were, and temporary ones are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

import materialize

MODEL = "mobilenetv3_small"
OLD = b"what was there before"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
@pytest.mark.parametrize("delay", [0.02, 0.3, 1.0])
def test_interrupted(tool, tmp_path, ort, number, delay):
    """While reading, optimising, writing or (most often) running the candidate's temporary file."""
    out, scratch = tmp_path / "out" / "model.onnx", tmp_path / "scratch"
    out.parent.mkdir()
    scratch.mkdir()
    out.write_bytes(OLD)
    command = [tool.path, materialize.materialize(MODEL), out, "-q", "--external-data"]
    running = subprocess.Popen(
        [*command, "--verify=100000", "--ort", ort],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": os.fspath(scratch)},
    )
    time.sleep(delay)
    running.send_signal(number)
    running.communicate(timeout=120)
    assert running.returncode == -number
    assert out.read_bytes() == OLD
    assert [p.name for p in out.parent.iterdir()] == ["model.onnx"]
    assert list(scratch.glob("*onnxslim*")) == []  # ONNX Runtime leaves files of its own

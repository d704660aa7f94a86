"""The example of examples/ works as its comment says, against the static archive."""

from __future__ import annotations

import subprocess

import onnx

import golden


def run(build, *args) -> subprocess.CompletedProcess:
    program = build / "examples" / "optimize"
    return subprocess.run([program, *args], capture_output=True, text=True, check=False)


def test_optimizes(build, tmp_path):
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    model = golden.parse_model(
        "g (float[3] x) => (float[3] y) { a = Identity(x)  b = Identity(a)  y = Relu(b) }"
    )
    source.write_bytes(model.SerializeToString())
    done = run(build, source, out)
    assert (done.returncode, done.stdout) == (0, "3 -> 1 nodes\n"), done.stderr
    onnx.checker.check_model(onnx.load(out))


def test_reports_an_error(build, tmp_path):
    done = run(build, tmp_path / "missing.onnx", tmp_path / "out.onnx")
    assert done.returncode == 4
    assert "missing.onnx" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()

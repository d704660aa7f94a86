"""--opset: what is reported, what is refused."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import onnx
import pytest

import golden

USAGE = 1
SQUEEZE = """<ir_version: 7, opset_import: ["" : 12]>
g (float[1, N] x) => (float[N] y) { a = Relu (x)  y = Squeeze <axes = [0]> (a) }"""
ERF = """<ir_version: 7, opset_import: ["" : 12]>
g (int32[N] x) => (int32[N] y) { y = Erf (x) }"""


def write(path: Path, text: str) -> Path:
    path.write_bytes(golden.parse_model(text).SerializeToString())
    return path


def opset(path: Path) -> int:
    return onnx.load(path).opset_import[0].version


def test_lifts_and_says_so(tool, tmp_path):
    source, out = write(tmp_path / "in.onnx", SQUEEZE), tmp_path / "out.onnx"
    shown = tool.ok(source, out, "--opset=21", "--json", tmp_path / "log.json").stdout
    assert b"opset 12 -> 21\n" in shown
    assert opset(out) == 21
    report = json.loads((tmp_path / "log.json").read_text())
    assert report["opset"] == {"before": 12, "after": 21, "reason": None}


def test_second_run_needs_no_flag(tool, tmp_path):
    source, out, again = (tmp_path / name for name in ("in.onnx", "out.onnx", "again.onnx"))
    write(source, SQUEEZE)
    for flag in ("--opset=21", "--opset=max"):
        tool.ok(source, out, "-q", flag)
        for flags in ([], [flag]):
            tool.ok(out, again, "-q", *flags)
            assert again.read_bytes() == out.read_bytes()


def test_stays_and_says_why(tool, tmp_path):
    source, out = write(tmp_path / "in.onnx", ERF), tmp_path / "out.onnx"
    shown = tool.ok(source, out, "--opset", "21", "--json", tmp_path / "log.json").stdout
    assert b"opset 12 stays: Erf producing 'y': opset 13: its element type" in shown
    assert out.read_bytes() == source.read_bytes()
    assert json.loads((tmp_path / "log.json").read_text())["opset"]["after"] == 12


def test_without_the_option_nothing_is_said(tool, tmp_path):
    source = write(tmp_path / "in.onnx", SQUEEZE)
    shown = tool.ok(source, tmp_path / "out.onnx", "--json", tmp_path / "log.json").stdout
    assert b"opset" not in shown
    assert "opset" not in json.loads((tmp_path / "log.json").read_text())


@pytest.mark.parametrize(
    ("value", "word"), [("11", "lowered"), ("99", "newest"), ("new", "max"), ("0", "max")]
)
def test_refused(tool, tmp_path, value, word):
    source, out = write(tmp_path / "in.onnx", SQUEEZE), tmp_path / "out.onnx"
    done = tool(source, out, f"--opset={value}")
    assert done.returncode == USAGE
    assert word in done.stderr.decode()
    assert not out.exists()


def test_training_graphs_hold_it_back(tool, tmp_path):
    """They have nodes of the same opset, which nobody would lift."""
    model = golden.parse_model(SQUEEZE)
    model.training_info.add().algorithm.name = "step"
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(model.SerializeToString())
    assert b"training" in tool.ok(source, out, "--opset=21").stdout
    assert opset(out) == 12


def test_verified_against_the_original(tool, tmp_path):
    package = Path(importlib.util.find_spec("onnxruntime").origin).parent
    library = next(iter(sorted((package / "capi").glob("libonnxruntime.so*"))))
    source, out = write(tmp_path / "in.onnx", SQUEEZE), tmp_path / "out.onnx"
    tool.ok(source, out, "-q", "--opset=max", "--verify", "--ort", library)
    assert opset(out) > 12


def test_attribution_counts_from_the_lifted_model(tool, tmp_path):
    """A Softmax over several axes becomes four nodes, which is no pass's doing."""
    text = """<ir_version: 7, opset_import: ["" : 12]>
    g (float[2, 3, 4] x) => (float[2, 3, 4] y) { y = Softmax <axis = 1> (x) }"""
    source, log = write(tmp_path / "in.onnx", text), tmp_path / "log.json"
    tool.ok("attribution", source, "--opset=13", "-q", "--json", log)
    assert json.loads(log.read_text())["nodes"] == 4

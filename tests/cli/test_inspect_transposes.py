"""`inspect --transposes`: what becomes of a model's Transposes."""

from __future__ import annotations

import json

import onnx
import pytest

MODEL = """<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 3, 4, 5] x) => (float[a, b, c, d] y, float[e, f, h, i] z) {
  a = Transpose <perm = [0, 2, 3, 1]> (x)
  b = Transpose <perm = [0, 3, 1, 2]> (a)
  r = Relu(b)
  c = Transpose <perm = [0, 2, 3, 1]> (r)
  s = Sigmoid(c)
  y = Transpose <perm = [0, 3, 1, 2]> (s)
  t = Transpose <perm = [1, 0, 2, 3]> (x)
  z = LRN <size = 3> (t)
}
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "in.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    return path


def test_table(tool, model):
    lines = tool.ok("inspect", model, "--transposes").stdout.decode().splitlines()
    rows = dict(line.rsplit(maxsplit=1) for line in lines if line and line[-1].isdigit())
    rows = {k.strip(): int(v) for k, v in rows.items()}
    assert rows["Transposes"] == 5
    assert rows["pairs that cancel"] == 1
    assert rows["removed by pushing"] == 2
    assert rows["surviving"] == 1


def test_reason(tool, model):
    text = " ".join(tool.ok("inspect", model, "--transposes").stdout.decode().split())
    assert "Transpose producing 't'" in text
    assert "the operator fixes the layout" in text


def test_json(tool, model, tmp_path):
    report = tmp_path / "r.json"
    tool.ok("inspect", model, "--transposes", "-q", "--json", report)
    counts = {o["op_type"]: o for o in json.loads(report.read_text())["ops"]}
    assert counts["Transpose"]["after"] == 1

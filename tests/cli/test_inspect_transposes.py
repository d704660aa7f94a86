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


def table_of(tool, model) -> dict[str, int]:
    lines = tool.ok("inspect", model, "--transposes").stdout.decode().split("\n\n")[0].splitlines()
    return {k.strip(): int(v) for k, v in (line.rsplit(maxsplit=1) for line in lines)}


def test_table(tool, model):
    rows = table_of(tool, model)
    assert rows["Transposes"] == 5
    assert rows["pairs that cancel"] == 1
    assert rows["removed by pushing"] == 2
    assert rows["surviving"] == 1


def test_across_a_reshape(tool, tmp_path):
    path = tmp_path / "patches.onnx"
    onnx.save(
        onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
g (float[24, 8] x) => (float[4, 8, 6] y) <int64[4] s = {12, 2, 4, 2}, int64[3] p = {6, 8, 4}> {
  a = Reshape(x, s)
  b = Transpose <perm = [0, 2, 1, 3]> (a)
  c = Reshape(b, p)
  y = Transpose <perm = [2, 1, 0]> (c)
}
"""),
        path,
    )
    rows = table_of(tool, path)
    assert rows["pairs that compose across a Reshape"] == rows["removed with pairs"] == 1


def test_reason(tool, model):
    text = " ".join(tool.ok("inspect", model, "--transposes").stdout.decode().split())
    assert "Transpose producing 't'" in text
    assert "the operator fixes the layout" in text


def test_json(tool, model, tmp_path):
    report = tmp_path / "r.json"
    tool.ok("inspect", model, "--transposes", "-q", "--json", report)
    counts = {o["op_type"]: o for o in json.loads(report.read_text())["ops"]}
    assert counts["Transpose"]["after"] == 1

"""Models of the zoo for the targets: taken whole, valid, and stable."""

from __future__ import annotations

import json

import onnx
import pytest

import materialize

MODELS = {
    "bert_base": ("--freeze", "batch=1,seq=128"),
    "mobilenetv2": ("--freeze-all=1",),
    "mobilevit_small": ("--freeze-all=1",),
    "efficientdet_d0": ("--freeze-all=1", "--opset=13"),
    "whisper_tiny_encoder": ("--freeze-all=1",),
}


@pytest.mark.parametrize("target", ["ort", "tflite", "coreml"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.large) for n in MODELS])
def test_model(tool, tmp_path, name, target):
    flags = ("-q", "--target", target, *MODELS[name])
    source, report = materialize.materialize(name), tmp_path / "report.json"
    once, twice = tmp_path / "once.onnx", tmp_path / "twice.onnx"
    tool.ok(source, once, "--json", report, *flags)
    found = json.loads(report.read_text())["target"]
    assert (found["refused"], found["untried"]) == (0, 0), found["findings"]
    onnx.checker.check_model(str(once), full_check=True)
    assert "Einsum" not in {n.op_type for n in onnx.load(once).graph.node}
    tool.ok(once, twice, *flags)
    assert once.read_bytes() == twice.read_bytes()

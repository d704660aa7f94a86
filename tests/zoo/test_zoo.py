"""The tests of the models themselves: none is missing, and what guards them works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import onnx

import fusions
import zoo
from every_model import EXPECTED


def test_every_model_is_here():
    files = (path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tested = [
        n for text in files for n in re.findall(r'^class \w+\(EveryModel, name="(\w+)"', text, re.M)
    ]
    assert sorted(tested) == sorted(zoo.names())
    assert set(zoo.facts()) == set(zoo.names())
    assert set(json.loads(EXPECTED.read_text())) == set(zoo.names())


def test_the_guard_sees_a_hidden_form(tmp_path):
    sigmoid = "s = Sigmoid (x)"
    spelled = "n = Neg (x) e = Exp (n) one = Constant <value_float = 1.0> () d = Add (one, e) s = Div (one, d)"
    counts = []
    for text in (sigmoid, spelled):
        graph = f"g (float[N, 8] x) => (float[N, 8] y) {{ {text} y = Mul (x, s) }}"
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}')
        onnx.save(model, tmp_path / "model.onnx")
        optimised = fusions.optimised(tmp_path / "model.onnx", {}, tmp_path / "ort.onnx")
        counts.append(fusions.count(optimised))
    assert fusions.hidden(*counts) == {"QuickGelu": (1, 0)}

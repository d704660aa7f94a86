"""The package as it lies in python/, over the shared library of the build under test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "python"


def pytest_configure(config: pytest.Config) -> None:
    """Make `import onnxslim` find both; also in the processes that tests start."""
    build = (ROOT / config.getoption("--build")).resolve()
    os.environ["ONNXSLIM_LIBRARY"] = str(build / "libonnxslim.so")
    os.environ["PYTHONPATH"] = str(SOURCES)
    sys.path.insert(0, str(SOURCES))


@pytest.fixture
def model() -> onnx.ModelProto:
    """Identity, Add of a constant that is computed, Relu; and an input that nobody reads."""
    return onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        small (float[N,4] x, float[3] unused) => (float[N,4] y)
        <float[4] w = {-1.0, -2.0, -3.0, -4.0}>
        {
          a = Identity(x)
          v = Exp(w)
          b = Add(a, v)
          y = Relu(b)
        }"""
    )


@pytest.fixture
def convolution() -> onnx.ModelProto:
    """Conv, BatchNormalization and Relu with random weights: 1.2 kB."""
    rng = np.random.default_rng(3)

    def weight(name: str, *dims: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.uniform(0.5, 1, dims).astype(np.float32), name)

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
            helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], name="bn"),
            helper.make_node("Relu", ["n"], ["y"], name="relu"),
        ],
        "conv",
        [value("x", 1, ["N", 3, "H", "W"])],
        [value("y", 1, ["N", 8, "A", "B"])],
        [weight("w", 8, 3, 3, 3), *(weight(name, 8) for name in "sbmv")],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


@pytest.fixture
def wrong(monkeypatch):
    """Slip a rule that computes something else into every run."""
    from onnxslim import _native
    from onnxslim.rules import Rule, add_rules

    def options(self, values):
        handle = right(self, values)
        add_rules(self, handle, [Rule("wrong", "Relu(x)", "x")])
        return handle

    right = _native.Context.options
    monkeypatch.setattr(_native.Context, "options", options)

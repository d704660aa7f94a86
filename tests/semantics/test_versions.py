"""IR and opset versions from the first to the newest, and ones that nobody knows yet."""

from __future__ import annotations

import onnx
import pytest

import golden

TEXT = """<ir_version: %d, opset_import: ["" : %d]>
g (float[N, 4] x) => (float[N, 4] y) {
  a = Identity (x)
  b = Transpose <perm = [1, 0]> (a)
  c = Transpose <perm = [1, 0]> (b)
  d = Relu (c)
  e = Identity (d)
  y = Neg (e)
}"""
NEWEST = onnx.defs.onnx_opset_version()
SINCE_6 = ["Relu", "Neg"]
RUNNABLE = 7  # ONNX Runtime has kernels from here on, and up to what it was built with
UNKNOWN = NEWEST + 3


@pytest.mark.parametrize("opset", range(1, NEWEST + 1))
def test_opset(optimise, opset):
    opsets = [onnx.helper.make_opsetid("", opset)]
    ir = onnx.helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    runs = RUNNABLE <= opset <= 26
    assert optimise(TEXT % (ir, opset), runs=runs).ops == SINCE_6


@pytest.mark.parametrize("ir", range(3, onnx.IR_VERSION + 1))
def test_ir_version(optimise, ir):
    done = optimise(TEXT % (ir, 8), runs=ir <= 13)
    assert done.ops == SINCE_6
    assert done.model.ir_version == ir


def test_unknown_opset(tool, tmp_path):
    """Any operator may mean something else there: the model passes through unharmed."""
    model = golden.parse_model(TEXT % (onnx.IR_VERSION, UNKNOWN))
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(model, source)
    tool.ok(source, out, "-q")
    assert onnx.load(out) == model

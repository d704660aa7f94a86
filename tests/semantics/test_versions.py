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
ASSUME = "--assume-unchanged"


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
    """Any operator may mean something else there: the model passes through unharmed, and one line says why."""
    model = golden.parse_model(TEXT % (onnx.IR_VERSION, UNKNOWN))
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(model, source)
    said = tool.ok(source, out).stderr.decode()
    assert onnx.load(out) == model
    assert said.splitlines() == [
        f"onnxslim: warning: the model imports version {UNKNOWN} of ai.onnx, and {NEWEST} is the newest that is known: "
        f"6 of its 6 nodes stay as they are (assume-unchanged takes them for what they were in {NEWEST})"
    ]


def test_unknown_opset_assumed_to_be_as_before(optimise):
    done = optimise(TEXT % (onnx.IR_VERSION, UNKNOWN), ASSUME, runs=False, valid=False)
    assert done.ops == SINCE_6
    assert done.model.opset_import[0].version == UNKNOWN


def test_the_assumption_changes_nothing_else(optimise, tool, tmp_path):
    assert optimise(TEXT % (onnx.IR_VERSION, 17), ASSUME).ops == SINCE_6
    source = tmp_path / "known.onnx"
    onnx.save(golden.parse_model(TEXT % (onnx.IR_VERSION, NEWEST)), source)
    assert tool.ok(source, tmp_path / "out.onnx").stderr == b""


TWO_DOMAINS = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : %d, "local" : 1]>
g (float[N, 4] x) => (float[N, 4] y) {
  a = Identity (x)
  b = ai.onnx.ml.Scaler <offset = [0.0], scale = [2.0]> (a)
  c = local.twice (b)
  y = Neg (c)
}
<domain: "local", opset_import: ["" : %d]>
twice (x) => (y) {
  a = Relu (x)
  b = Relu (a)
  y = Add (b, b)
}"""


def test_unknown_version_of_one_domain(optimise):
    """What other domains' operators mean is known."""
    done = optimise(TWO_DOMAINS % (9, 17), runs=False, valid=False)
    assert done.ops == ["Scaler", "twice", "Neg", "Relu", "Add"]


def test_unknown_opset_of_a_function(optimise):
    """Its nodes stay, and are taken in only where both opsets are assumed to be the same."""
    model, inline = TWO_DOMAINS % (3, UNKNOWN), "--inline-functions"
    ops = {
        flags: optimise(model, *flags, runs=False, valid=False).ops[1:]
        for flags in ((), (ASSUME,), (inline,), (inline, ASSUME))
    }
    assert ops == {
        (): ["twice", "Neg", "Relu", "Relu", "Add"],
        (ASSUME,): ["twice", "Neg", "Relu", "Add"],
        (inline,): ["twice", "Neg", "Relu", "Relu", "Add"],
        (inline, ASSUME): ["Relu", "Add", "Neg"],
    }

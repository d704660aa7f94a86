"""Local functions: optimised where they are, or inlined."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import golden
import numeric

INLINE = "--inline-functions"
HEADER = '<ir_version: 10, opset_import: ["" : 21, "f" : 1]>\n'
FUNCTION = '<domain: "f", opset_import: ["" : 21, "f" : 1]>\n'

TWICE = (
    HEADER
    + """g (float[N] x) => (float[N] y) {
  a = f.act <slope = 0.5> (x)
  b = f.act (a)
  y = Exp (b)
}"""
    + FUNCTION
    + """act <slope: float = 0.25> (x) => (y) { a = LeakyRelu <alpha: float = @slope> (x)  y = Tanh (a) }"""
)

NESTED = (
    HEADER
    + """g (bool c, float[N] x) => (float[N] y) {
  a = f.outer <k = 2> (x)
  y = If (c) <
    then_branch = yes () => (float[N] t) { a2 = f.inner <axis = 0> (a)  t = Neg (a2) },
    else_branch = no () => (float[N] e) { e = f.inner <axis = 0> (x) }
  >
}"""
    + FUNCTION
    + """outer <k> (a) => (y) { i = Constant <value_int: int = @k> ()  j = Cast <to = 1> (i)
  b = Mul (a, j)  y = f.inner <axis = 0> (b) }
"""
    + FUNCTION
    + """inner <axis> (x) => (y) { s = Softmax <axis: int = @axis> (x)  y = Add (s, x) }
"""
    + FUNCTION
    + """unused (x) => (y) { y = Abs (x) }"""
)

BODY = (
    HEADER
    + """g (float[2] x, float[2] extra) => (float[2] y, float[2] z) {
  y = f.loop (x, extra)
  z = f.loop (y, extra)
}"""
    + FUNCTION
    + """loop (x, extra) => (last) {
  n = Constant <value = int64 {3}> ()
  step = Exp (extra)
  last = Loop (n, "", x) <
    body = b (int64 i, bool go, float[2] state) => (bool more, float[2] next) {
      more = Identity (go)
      s = Add (state, step)
      next = Mul (s, extra)
    }
  >
}"""
)

PASSED_ON = (
    HEADER
    + """g (float[N] x) => (float[N] a, float[N] b, float[N] c) { a, b, c = f.same (x) }"""
    + FUNCTION
    + """same (x) => (y, z, w) { z = Neg (x)  y = Identity (x)  w = Identity (z) }"""
)

LEFT_OUT = (
    HEADER
    + """g (float[N] x, float top) => (float[N] y, float[N] z) {
  y = f.limit (x, "", top)
  z = f.limit (x, top)
}"""
    + FUNCTION
    + """limit (x, low, high) => (y) { y = Clip (x, low, high) }"""
)


def test_optimised_in_place(optimise):
    done = optimise(NESTED, feeds={"c": np.array(True)})
    assert {f.name for f in done.model.functions} >= {"outer", "inner"}


def test_attributes_and_defaults(optimise):
    done = optimise(TWICE, INLINE)
    assert done.ops == ["LeakyRelu", "Tanh"] * 2 + ["Exp"]
    slopes = [n.attribute[0].f for n in done.model.graph.node if n.op_type == "LeakyRelu"]
    assert slopes == [0.5, 0.25]
    assert not done.model.functions


def test_functions_in_functions_and_bodies(optimise):
    for c in (True, False):
        done = optimise(NESTED, INLINE, feeds={"c": np.array(c)})
        assert done.ops.count("Softmax") == 3
        assert not done.model.functions


def test_bodies_in_functions(optimise):
    done = optimise(BODY, INLINE)
    assert done.ops.count("Loop") == 2
    assert not done.model.functions


def test_inputs_that_are_outputs(optimise):
    model = golden.parse_model(PASSED_ON)
    function = model.functions[0]
    function.node[1].ClearField("output")  # y = Identity (x) becomes y = x, w is z
    del function.node[1:]
    function.output[:] = ["x", "z", "z"]
    assert optimise(PASSED_ON, INLINE).ops.count("Neg") == 1
    done = optimise(model, INLINE, runs=False)  # ONNX Runtime wants functions to compute
    assert done.ops.count("Neg") == 1
    assert [o.name for o in done.model.graph.output] == ["a", "b", "c"]


def test_inputs_left_out(optimise):
    done = optimise(LEFT_OUT, INLINE)
    assert [list(n.input) for n in done.model.graph.node] == [["x", "", "top"], ["x", "top"]]


def test_overloads(optimise):
    model = golden.parse_model(HEADER + "g (float[N] x) => (float[N] y) { a = f.op (x)  y = f.op (a) }"
                               + FUNCTION + "op (x) => (y) { y = Neg (x) }\n"
                               + FUNCTION + "op2 (x) => (y) { y = Exp (x) }")  # fmt: skip
    model.functions[1].name, model.functions[1].overload = "op", "exp"
    model.graph.node[1].overload = "exp"
    assert optimise(model, INLINE).ops == ["Neg", "Exp"]


def test_a_function_that_calls_itself_stays(optimise):
    text = (HEADER + "g (float[N] x) => (float[N] y) { a = Identity (x)  y = f.f (a) }"
            + FUNCTION + "f (x) => (y) { a = f.f (x)  y = Neg (a) }")  # fmt: skip
    done = optimise(text, INLINE, runs=False, valid=False)
    assert [n.op_type for n in done.model.graph.node] == ["f"]
    assert "the function calls itself" in done.remarks


@pytest.mark.parametrize(
    ("node", "same"), [("ReduceSum <keepdims = 1> (x)", False), ("Elu (x)", True)]
)
def test_functions_of_another_opset(optimise, node, same):
    """What means the same in both opsets is inlined, what does not stays a call."""
    text = (HEADER.replace("21", "17") + "g (float[N] x) => (float[M] y) { y = f.f (x) }"
            + FUNCTION.replace("21", "12") + f"f (x) => (y) {{ y = {node} }}")  # fmt: skip
    done = optimise(text, INLINE, runs=same, valid=same)
    assert [n.op_type for n in done.model.graph.node] == (["Elu"] if same else ["f"])
    assert len(done.model.functions) == (not same)


def test_domains_of_a_function_are_imported(optimise):
    text = (HEADER + "g (float[2, 4] x, float[4] b) => (float[2, 4] y) { y = f.f (x, b) }"
            + '<domain: "f", opset_import: ["" : 21, "com.microsoft" : 1]>\n'
            + "f (x, b) => (y) { y = com.microsoft.BiasGelu (x, b) }")  # fmt: skip
    done = optimise(text, INLINE)
    assert done.ops == ["BiasGelu"]
    assert onnx.helper.make_opsetid("com.microsoft", 1) in done.model.opset_import


def test_graphs_as_attributes(optimise):
    """A function that takes a branch: what the branch reads of the caller's values stays."""
    text = (HEADER + """g (bool c, float[N] x) => (float[N] y) {
      k = Exp (x)
      y = f.choose <yes = b () => (float[N] t) { i = Identity (k)  t = Neg (i) }> (c, x)
    }""" + FUNCTION + """choose <yes> (c, x) => (y) {
      n = Abs (x)
      y = If <then_branch: graph = @yes, else_branch = no () => (float[N] e) { e = Identity (n) }> (c)
    }""")  # fmt: skip
    done = optimise(text, INLINE, runs=False)  # ONNX Runtime does not find k in the original
    assert [n.op_type for n in done.model.graph.node] == ["Exp", "Abs", "If"]
    assert not done.model.functions
    session = numeric.session(done.model.SerializeToString(), "off")
    x = np.array([-1, 2], np.float32)
    for c, wanted in ((True, -np.exp(x)), (False, np.abs(x))):
        (y,) = session.run(None, {"c": np.array(c), "x": x})
        np.testing.assert_allclose(y, wanted, rtol=1e-6)

"""Rules in Python: what a guard sees, what it may do, what becomes of its errors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxslim
from onnxslim import Rule

pytestmark = pytest.mark.plain


@pytest.fixture
def clipped() -> onnx.ModelProto:
    return onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,4] x) => (float[N,4] y)
        <float[4] w = {1, 2, 3, 4}>
        { m = Mul(w, x)  n = LeakyRelu<alpha = 0.5>(m)  y = Neg(n) }"""
    )


def operators(result: onnxslim.Result) -> list[str]:
    return [node.op_type for node in result.model.graph.node]


def test_a_guard_sees_the_match(clipped):
    seen = []

    def look(match):
        seen.append(match)
        x, w = match.value("x"), match.value("w")
        assert (x.name, x.dtype, x.shape, x.is_constant) == ("x", "float32", ("N", 4), False)
        assert (w.shape, w.is_constant, w.uses) == ((4,), True, 1)
        np.testing.assert_array_equal(match.constant("w"), np.float32([1, 2, 3, 4]))
        assert match.constant("x") is None
        assert match.value("q") is None
        assert match.attribute("alpha") == 0.5
        assert match.attribute("beta") is None
        assert match.node().op_type == "LeakyRelu"
        assert match.node("product").op_type == "Mul"
        return True

    rule = Rule(
        "mine", "LeakyRelu:l(Mul:product(x, w#))", "custom::Scaled<l..., axes = [1]>(x, w)", look
    )
    result = onnxslim.optimize(clipped, rules=[rule])
    assert operators(result) == ["Scaled", "Neg"]
    made = result.model.graph.node[0]
    assert {a.name: onnx.helper.get_attribute_value(a) for a in made.attribute} == {
        "alpha": 0.5, "axes": [1]}  # fmt: skip
    assert ("custom", 1) in {(o.domain, o.version) for o in result.model.opset_import}
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="only while its guard runs"):
        seen[0].value("x")


def test_a_refusal_is_a_remark(clipped):
    rule = Rule("mine", "Neg(x)", "Abs(x)", lambda match: match.refuse("not this one"))
    result = onnxslim.optimize(clipped, rules=[rule], remarks=True)
    assert "Neg" in operators(result)
    assert ("mine", False, "not this one") in {(r.rule, r.fired, r.text) for r in result.remarks}


def test_what_a_guard_raises_comes_out(clipped):
    def fails(match):
        raise ZeroDivisionError("in the guard")

    with pytest.raises(ZeroDivisionError, match="in the guard"):
        onnxslim.optimize(clipped, rules=[Rule("mine", "Neg(x)", "x", fails)])


def test_exact_leaves_out_rules_that_round(clipped):
    rounds, bitwise = Rule("a", "Neg(x)", "x"), Rule("b", "Neg(x)", "x", bitwise=True)
    assert "Neg" in operators(onnxslim.optimize(clipped, rules=[rounds], exact=True))
    assert "Neg" not in operators(onnxslim.optimize(clipped, rules=[bitwise], exact=True))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("mine", "Neg(x", "x"), "column 6"),
        (Rule("mine", "Neg(x)", "z"), "not captured"),
        (Rule("mine", "Negg(x)", "x"), "no operator 'Negg'"),
        (Rule("fold", "Neg(x)", "x"), "a rule 'fold' already"),
    ],
)
def test_bad_rules_are_refused(clipped, rule, why):
    with pytest.raises(onnxslim.errors.UsageError, match=why):
        onnxslim.optimize(clipped, rules=[rule])


def test_the_example_of_the_docs(clipped):
    """docs/rules.md: a bound that is 6, and one that is not."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
        g (float[N] x, float[N] u) => (float[N] y, float[N] z)
        <float six = {6}, float five = {5}>
        { a = Relu(x) y = Min(a, six) b = Relu(u) z = Min(b, five) }"""

    def is_six(match):
        top = match.constant("c")
        return (top.size == 1 and top.item() == 6.0) or match.refuse("the bound is not 6")

    rule = Rule("relu6", "Min(Relu(x), c#)", "my.ops::Relu6(x)", guard=is_six, bitwise=True)
    given = onnx.parser.parse_model(text)
    result = onnxslim.optimize(given, rules=[rule], remarks=True, skip="fuse_conv_relu")
    assert sorted(operators(result)) == ["Min", "Relu", "Relu6"]
    assert "the bound is not 6" in {remark.text for remark in result.remarks}

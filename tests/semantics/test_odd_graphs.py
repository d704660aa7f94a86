"""Graphs as one meets them: without shapes, with wrong ones, unsorted, with initializers of every sort."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden

FLOAT = TensorProto.FLOAT


def test_sparse_initializers(optimise):
    model = golden.parse_model("""g (float[4] x) => (float[4] y, float[4] z)
      { a = Identity (x)  y = Add (a, s)  z = Mul (s, s) }""")
    values = numpy_helper.from_array(np.array([2, 3], np.float32), "s")
    indices = numpy_helper.from_array(np.array([1, 3]), "s_indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    done = optimise(model)
    assert done.ops == ["Add", "Mul"]
    assert done.model.graph.sparse_initializer == model.graph.sparse_initializer


def test_overridable_initializers_are_no_constants(optimise):
    text = """<ir_version: %d, opset_import: ["" : 17]>
      g (float[2] x, float[2] w = {1, 1}) => (float[2] y)
      { a = Add (w, w)  b = Mul (x, a)  y = Identity (b) }"""
    model = golden.parse_model(text % 4)
    assert optimise(model).ops == ["Add", "Mul"]
    model.ir_version = 3
    model.opset_import[0].version = 8
    assert optimise(model, seeds=(0,)).ops == ["Mul"]


def test_empty_names_are_inputs_left_out(optimise):
    done = optimise("""g (float[1, 1, 4, 4] x) => (float[1, 1, 8, 8] y, float[1, 1, 4, 4] z)
      <float[4] scales = {1, 1, 2, 2}, float top = {1}> {
        i = Identity (x)
        y = Resize <mode = "nearest"> (i, "", scales, "")
        z = Clip (i, "", top)
      }""")
    assert done.ops == ["Resize", "Clip"]
    assert done.model.graph.node[1].input[1] == ""


def test_no_shapes_at_all(optimise):
    model = golden.parse_model("""g (float[2, 3] x) => (float[6] y)
      { s = Shape (x)  p = ReduceProd <keepdims = 1> (s)  i = Identity (x)
        r = Reshape (i, p)  t = Relu (r)  y = Identity (t) }""")
    for info in [*model.graph.input, *model.graph.output]:
        info.type.tensor_type.ClearField("shape")
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    done = optimise(model, feeds=feeds, valid=False)  # the checker wants shapes of inputs
    assert "Identity" not in done.ops
    assert not done.model.graph.input[0].type.tensor_type.HasField("shape")


@pytest.mark.parametrize("wrong", ["float[7, 7]", "float[3, 2, 1]", "int32[3, 2]", "float[3, 1]"])
def test_wrong_value_info_is_dropped(optimise, wrong):
    text = """g (float[2, 3] x) => (float[3, 2] y, int64[2] z) <%s a> {
        a = Transpose <perm = [1, 0]> (x)
        b = Identity (a)
        z = Shape (b)
        y = Relu (b)
      }"""
    done = optimise(text % wrong, runs=False)  # ONNX Runtime refuses some of them
    assert done.ops == ["Transpose", "Constant", "Relu"]
    assert not done.model.graph.value_info
    (said,) = (r for r in done.remarks if "value_info" in r)
    assert "[3, 2]" in said
    assert [v.name for v in optimise(text % "float[N, 2]").model.graph.value_info] == ["a"]


def test_wrong_output_declaration_stays(optimise):
    done = optimise("g (float[2, 3] x) => (float[3, 7] y) { a = Identity (x)  y = Transpose <perm = [1, 0]> (a) }",
                    runs=False)  # fmt: skip
    assert done.ops == ["Transpose"]
    assert [d.dim_value for d in done.model.graph.output[0].type.tensor_type.shape.dim] == [3, 7]
    assert [r for r in done.remarks if "declared float[3, 7] and is float[3, 2]" in r]


@pytest.mark.parametrize("dim", [-1, 0])
def test_negative_and_zero_dims(optimise, dim):
    model = golden.parse_model("""g (float[N, 3] x) => (float[N, 3] y)
      { a = Identity (x)  s = Shape (a)  r = Reshape (a, s)  y = Relu (r) }""")
    for info in [*model.graph.input, *model.graph.output]:
        info.type.tensor_type.shape.dim[0].dim_value = dim
    feeds = {"x": np.ones((0 if dim == 0 else 5, 3), np.float32)}
    assert optimise(model, feeds=feeds).ops == ["Relu"]


def test_zero_size_tensors(optimise):
    done = optimise("""g (float[N, 3] x) => (float[N, 3] y, float[M] z)
      <float[0, 3] none = {}, float[0] nothing = {}> {
        a = Concat <axis = 0> (x, none)
        y = Relu (a)
        b = Concat <axis = 0> (nothing, nothing)
        z = Exp (b)
      }""")
    assert "Concat" not in done.ops


def test_scalars(optimise):
    done = optimise("""g (float x, float[N] v) => (float y, float[N] z)
      <float two = {2}, float half = {0.5}, float[1] one = {1}> {
        a = Mul (two, half)
        b = Mul (x, a)
        y = Neg (b)
        c = Mul (v, one)
        z = Add (c, x)
      }""")
    assert done.ops == ["Neg", "Add"]


def test_multiplying_a_scalar_by_one_element_keeps_the_rank(optimise):
    done = optimise("g (float x) => (float[1] y) <float[1] one = {1}> { y = Mul (x, one) }")
    assert len(done.ops) == 1


def test_equal_node_names(optimise):
    done = optimise(
        """g (float[N] x) => (float[N] y)
      { [n] a = Identity (x)  [n] b = Relu (a)  [n] c = Identity (b)  [n] y = Neg (c) }""",
        runs=False,
    )  # ONNX Runtime wants them to differ
    assert done.ops == ["Relu", "Neg"]


def test_unsorted_nodes_are_sorted(optimise):
    model = golden.parse_model("""g (float[N] x) => (float[N] y)
      { a = Relu (x)  i = Identity (a)  b = Exp (i)  y = Abs (b) }""")
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    assert optimise(model).ops == ["Relu", "Exp", "Abs"]


def test_several_domains(optimise):
    done = optimise("""<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1, "ai.onnx.ml" : 3]>
      g (float[N, 4] x) => (float[N, 4] y, float[N, 4] z) <float[4] bias = {1, 2, 3, 4}> {
        a = Identity (x)
        y = com.microsoft.BiasGelu (a, bias)
        b = Identity (a)
        z = ai.onnx.ml.Binarizer <threshold = 0.5> (b)
      }""")
    assert done.ops == ["BiasGelu", "Binarizer"]
    assert {o.domain for o in done.model.opset_import} == {"", "com.microsoft", "ai.onnx.ml"}


def test_training_info_stays(optimise):
    model = golden.parse_model("g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> "
                     "{ a = Identity (x)  y = Mul (a, w) }")  # fmt: skip
    info = model.training_info.add()
    info.algorithm.name = "step"
    info.algorithm.node.append(helper.make_node("Add", ["w", "w"], ["w_new"]))
    info.algorithm.output.append(helper.make_tensor_value_info("w_new", FLOAT, [2]))
    info.update_binding.add(key="w", value="w_new")
    done = optimise(model)
    assert done.ops == ["Mul"]
    assert list(done.model.training_info) == list(model.training_info)
    assert [t.name for t in done.model.graph.initializer] == ["w"]

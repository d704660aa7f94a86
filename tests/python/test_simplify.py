"""simplify(): for code that was written for onnxsim."""

from __future__ import annotations

import onnx
import pytest

import onnxslim

pytestmark = pytest.mark.plain


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_model_and_true(model, tmp_path):
    before = model.SerializeToString()
    simplified, ok = onnxslim.simplify(model)
    assert ok is True
    assert len(simplified.graph.node) == 2
    assert model.SerializeToString() == before
    onnx.save(model, tmp_path / "m.onnx")
    assert onnxslim.simplify(tmp_path / "m.onnx") == (simplified, True)


def test_check_n(convolution):
    simplified, ok = onnxslim.simplify(convolution, check_n=2)
    assert ok
    assert operators(simplified) == ["Conv", "Relu"]


@pytest.mark.usefixtures("wrong")
def test_a_failed_check_gives_the_original(model):
    result, ok = onnxslim.simplify(model, check_n=1)
    assert not ok
    assert result is model


def test_what_can_be_left_out(model, convolution):
    folded = onnxslim.simplify(model, perform_optimization=False)[0]
    assert operators(folded) == ["Identity", "Add", "Relu"]
    assert "Exp" in operators(onnxslim.simplify(model, skip_constant_folding=True)[0])
    kept = onnxslim.simplify(convolution, skip_fuse_bn=True)[0]
    assert "BatchNormalization" in operators(kept)
    kept = onnxslim.simplify(convolution, skipped_optimizers=["fuse_bn_into_conv"])[0]
    assert "BatchNormalization" in operators(kept)
    assert not onnxslim.simplify(convolution, skip_shape_inference=True)[0].graph.value_info


def test_shapes_and_sizes(model):
    simplified, _ = onnxslim.simplify(model, overwrite_input_shapes={"x": [5, 4]})
    assert simplified.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 5
    assert "Exp" in operators(onnxslim.simplify(model, tensor_size_threshold="0.01KB")[0])
    assert "Exp" not in operators(onnxslim.simplify(model, tensor_size_threshold="1.5GB")[0])
    with pytest.raises(ValueError, match="'much' is no size"):
        onnxslim.simplify(model, tensor_size_threshold="much")


def test_unused_output():
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        two (float[N] x) => (float[N] y, float[N] z) { y = Relu(x) z = Exp(x) }"""
    )
    assert operators(onnxslim.simplify(model, unused_output=["z"])[0]) == ["Relu"]
    with pytest.raises(ValueError, match="no output 'q'"):
        onnxslim.simplify(model, unused_output=["q"])
    with pytest.raises(ValueError, match="no output would be left"):
        onnxslim.simplify(model, unused_output=["y", "z"])


def test_what_makes_no_sense_is_an_error(model):
    with pytest.raises(ValueError, match="include_subgraph"):
        onnxslim.simplify(model, include_subgraph=False)
    with pytest.raises(ValueError, match="path or"):
        onnxslim.simplify(model.SerializeToString())

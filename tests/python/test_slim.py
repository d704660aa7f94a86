"""slim(): the drop-in for inisis' OnnxSlim, keyword by keyword."""

from __future__ import annotations

import csv
import inspect

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import onnxslim

pytestmark = pytest.mark.plain

KEYWORDS = """
    model output_model model_check input_shapes inputs outputs no_shape_infer skip_optimizations dtype
    skip_fusion_patterns size_threshold inspect dump_to_disk save_as_external_data model_check_inputs verbose
"""


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, **feeds: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def declared(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_the_keywords_are_those_of_onnxslim():
    assert list(inspect.signature(onnxslim.slim).parameters) == KEYWORDS.split()


def test_a_proto_gives_a_proto_and_stays_as_it_was(model):
    before = model.SerializeToString()
    slimmed = onnxslim.slim(model)
    assert isinstance(slimmed, onnx.ModelProto)
    assert model.SerializeToString() == before
    assert operators(slimmed) == ["Add", "Relu"]
    onnx.checker.check_model(slimmed, full_check=True)
    feeds = {"x": np.ones((2, 4), np.float32), "unused": np.zeros(3, np.float32)}
    for a, b in zip(run(model, **feeds), run(slimmed, **feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_inputs_that_nobody_reads_stay(model):
    assert [value.name for value in onnxslim.slim(model).graph.input] == ["x", "unused"]


def test_bytes_give_a_view_of_bytes(model):
    data = onnxslim.slim(model.SerializeToString())
    assert isinstance(data, memoryview)
    assert data.readonly
    assert onnx.load_model_from_string(bytes(data)) == onnxslim.slim(model)
    assert onnxslim.slim(bytearray(model.SerializeToString())) == data
    assert onnxslim.slim(memoryview(model.SerializeToString())) == data
    assert onnxslim.slim(data) == data  # what comes out goes in again


def test_a_path_gives_a_proto(model, tmp_path):
    onnx.save(model, tmp_path / "in.onnx")
    assert onnxslim.slim(str(tmp_path / "in.onnx")) == onnxslim.slim(model)
    assert onnxslim.slim(tmp_path / "in.onnx") == onnxslim.slim(model)


def test_an_output_is_written_and_a_table_printed(model, tmp_path, capsys):
    onnx.save(model, tmp_path / "in.onnx")
    assert onnxslim.slim(str(tmp_path / "in.onnx"), str(tmp_path / "out.onnx")) is None
    assert onnx.load(tmp_path / "out.onnx") == onnxslim.slim(model)
    shown = capsys.readouterr().out
    for part in (
        "in.onnx",
        "out.onnx",
        "Op Set: 17 / IR Version: 8",
        "IN: x",
        "Identity",
        "Elapsed",
    ):
        assert part in shown
    assert "\033[" not in shown
    assert len({len(line) for line in shown.splitlines()}) == 1  # a frame is straight


def test_the_input_may_be_the_output(model, tmp_path):
    onnx.save(model, tmp_path / "m.onnx")
    onnxslim.slim(tmp_path / "m.onnx", output_model=tmp_path / "m.onnx")
    assert onnx.load(tmp_path / "m.onnx") == onnxslim.slim(model)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_unknown_keywords_are_errors(model):
    with pytest.raises(TypeError, match="simplify_more"):
        onnxslim.slim(model, simplify_more=True)


@pytest.mark.parametrize(
    "shapes", [{"x": [7, 4]}, ["x:7,4"], {"x": [7, -1]}, ["x:7,?"], ["x:7,-1"]]
)
def test_input_shapes(model, shapes):
    slimmed = onnxslim.slim(model, input_shapes=shapes)
    assert declared(slimmed.graph.input[0]) == [7, 4]
    assert declared(slimmed.graph.output[0]) == [7, 4]


def test_an_input_that_does_not_exist_is_an_error(model):
    with pytest.raises(ValueError, match="no input 'z'"):
        onnxslim.slim(model, input_shapes={"z": [1]})


def test_inputs_and_outputs_cut_the_graph(model):
    slimmed = onnxslim.slim(model, inputs=["b"], outputs=["y"])
    assert operators(slimmed) == ["Relu"]
    assert [value.name for value in slimmed.graph.input] == ["b"]
    slimmed = onnxslim.slim(model, outputs=["b"])
    assert [value.name for value in slimmed.graph.output] == ["b"]


def test_types_behind_names(model):
    assert operators(onnxslim.slim(model, outputs=["b:fp32"])) == ["Add"]
    with pytest.raises(ValueError, match="'b' is float; it cannot be declared float16"):
        onnxslim.slim(model, outputs=["b:fp16"])
    custom = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
        g (float[4] x) => (float[4] y) { a = custom.Op(x) y = Relu(a) }"""
    )
    with pytest.raises(ValueError, match="type is not known"):
        onnxslim.slim(custom, outputs=["a"])
    cut = onnxslim.slim(custom, outputs=["a:int32"])
    assert cut.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.INT32


def elem_types(model: onnx.ModelProto) -> set[int]:
    graph = model.graph
    values = [*graph.input, *graph.output]
    return {v.type.tensor_type.elem_type for v in values} | {i.data_type for i in graph.initializer}


def test_dtype_goes_there_and_back(convolution):
    half = onnxslim.slim(convolution, dtype="fp16")
    assert elem_types(half) == {onnx.TensorProto.FLOAT16}
    onnx.checker.check_model(half, full_check=True)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)
    expected = run(convolution, x=x)[0]
    np.testing.assert_allclose(run(half, x=x.astype(np.float16))[0], expected, rtol=0.02, atol=0.02)
    back = onnxslim.slim(half, dtype="float32")
    assert elem_types(back) == {onnx.TensorProto.FLOAT}
    np.testing.assert_allclose(run(back, x=x)[0], expected, rtol=0.01, atol=0.01)
    with pytest.raises(ValueError, match="dtype is one of"):
        onnxslim.slim(convolution, dtype="int8")


def test_dtype_casts_where_float32_is_needed():
    text = """<ir_version: 10, opset_import: ["" : 18, "custom" : 1]>
        g (float[1,1,4,4] x) => (float[1,1,8,8] y, float[4] z)
        <float[4] scales = {1, 1, 2, 2}, float[4] big = {1e30, -1e30, 2, 0}>
        {
          r = Resize(x, , scales)
          c = Cast<to = 1>(big)
          y = Abs(r)
          k = custom.Op(big)
          z = Add(k, big)
        }"""
    model = onnx.parser.parse_model(text)
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("k", 1, [4]))
    half = onnxslim.slim(model, dtype="fp16")
    known = {i.name: onnx.numpy_helper.to_array(i) for i in half.graph.initializer}
    assert known["scales"].dtype == np.float32
    assert known["big"].tolist() == [65504, -65504, 2, 0]
    assert operators(half).count("Cast") == 1  # behind the operator that nobody knows
    custom = next(node for node in half.graph.node if node.op_type == "Op")
    assert known[custom.input[0]].tolist() == np.float32([1e30, -1e30, 2, 0]).tolist()


def test_model_check_inputs(convolution, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 3, 8, 8), np.float32))
    for given in ("x:1,3,8,8", f"x:{tmp_path / 'x.npy'}"):
        assert onnxslim.slim(convolution, model_check=True, model_check_inputs=[given])
    with pytest.raises(ValueError, match="names no input"):
        onnxslim.slim(convolution, model_check=True, model_check_inputs=["q:1,3"])
    np.save(tmp_path / "x.npy", np.ones((1, 3, 8, 8)))
    with pytest.raises(ValueError, match="holds double, and input 'x' is float"):
        onnxslim.slim(convolution, model_check=True, model_check_inputs=[f"x:{tmp_path / 'x.npy'}"])


def test_no_shape_infer(convolution):
    assert onnxslim.slim(convolution).graph.value_info
    assert not onnxslim.slim(convolution, no_shape_infer=True).graph.value_info


def test_skip_optimizations(model, convolution):
    assert "Exp" in operators(onnxslim.slim(model, skip_optimizations=["constant_folding"]))
    kept = onnxslim.slim(convolution, skip_optimizations=["graph_fusion"])
    assert "BatchNormalization" in operators(kept)
    with pytest.raises(ValueError, match="no optimization 'nothing'"):
        onnxslim.slim(model, skip_optimizations=["nothing"])


def test_every_optimization_can_be_skipped(model):
    names = ["constant_folding", "graph_fusion", "dead_node_elimination"]
    names += ["subexpression_elimination", "weight_tying"]
    assert operators(onnxslim.slim(model, skip_optimizations=names)) == operators(model)


@pytest.mark.parametrize("name", ["FusionConvBN", "fuse_conv_batchnorm", "conv-batchnorm"])
def test_skip_fusion_patterns(convolution, name):
    assert "BatchNormalization" not in operators(onnxslim.slim(convolution))
    kept = onnxslim.slim(convolution, skip_fusion_patterns=[name])
    assert "BatchNormalization" in operators(kept)
    with pytest.raises(ValueError, match="no fusion pattern 'FusionNothing'"):
        onnxslim.slim(convolution, skip_fusion_patterns=["FusionNothing"])


def test_every_name_of_a_peer_stands_for_something_that_exists():
    from onnxslim import _peers

    own = {*_peers.pass_names(), *_peers.rule_names()}
    for table in (_peers.PATTERNS, _peers.OPTIMIZERS):
        for name, ours in table.items():
            assert set(ours) <= own, name
    for name in _peers.OPTIMIZATIONS:
        assert set(_peers.skipped_by_optimization([name])) <= own


def test_size_threshold(model):
    assert "Exp" in operators(onnxslim.slim(model, size_threshold=15))
    assert "Exp" not in operators(onnxslim.slim(model, size_threshold=16))


def test_a_list_or_inspect_gives_the_table(model, convolution, tmp_path, capsys):
    onnx.save(model, tmp_path / "a.onnx")
    onnx.save(convolution, tmp_path / "b.onnx")
    assert onnxslim.slim([str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx"), model]) is None
    shown = capsys.readouterr().out
    for part in ("a.onnx", "b.onnx", "OnnxModel", "BatchNormalization", "Model Size"):
        assert part in shown
    assert onnxslim.slim(str(tmp_path / "a.onnx"), inspect=True) is None
    assert "a.onnx" in capsys.readouterr().out
    with pytest.raises(ValueError, match="empty"):
        onnxslim.slim([])


def test_dump_to_disk(convolution, tmp_path, monkeypatch):
    onnx.save(convolution, tmp_path / "m.onnx")
    monkeypatch.chdir(tmp_path)
    onnxslim.slim(["m.onnx"], dump_to_disk=True)
    rows = list(csv.reader((tmp_path / "m.onnx_model_info.csv").open()))
    assert rows[0] == ["NodeName", "OpType", "OutputDtype", "OutputShape"]
    kinds = [("conv", "Conv"), ("bn", "BatchNormalization"), ("relu", "Relu")]
    assert [tuple(row[:3]) for row in rows[1:]] == [(*kind, "float") for kind in kinds]
    assert rows[1][3].startswith("[N,8,")
    with pytest.raises(ValueError, match="dump_to_disk"):
        onnxslim.slim("m.onnx", dump_to_disk=True)


def test_save_as_external_data(convolution, tmp_path):
    # Small tensors stay in the model.
    import onnx.numpy_helper

    big = onnx.numpy_helper.from_array(np.ones((512, 3, 3, 3), np.float32), "w")
    convolution.graph.initializer[0].CopyFrom(big)
    for i in range(1, 5):
        vector = np.ones(512, np.float32)
        name = convolution.graph.initializer[i].name
        convolution.graph.initializer[i].CopyFrom(onnx.numpy_helper.from_array(vector, name))
    convolution.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 512
    onnxslim.slim(convolution, tmp_path / "m.onnx", save_as_external_data=True)
    assert (tmp_path / "m.onnx.data").stat().st_size >= 512 * 27 * 4
    onnx.checker.check_model(str(tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match="output_model"):
        onnxslim.slim(convolution, save_as_external_data=True)


def test_model_check(convolution):
    assert isinstance(onnxslim.slim(convolution, model_check=True), onnx.ModelProto)


@pytest.mark.usefixtures("wrong")
def test_model_check_finds_a_difference(model, tmp_path, capsys):
    """Nothing is returned and nothing written."""
    assert onnxslim.slim(model, model_check=True) is None
    assert onnxslim.slim(model, tmp_path / "out.onnx", model_check=True) is None
    assert "output 'y' differs" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_verbose_logs_rewrites(model, caplog):
    onnxslim.slim(model, verbose=True)
    assert any("identity at Identity" in record.getMessage() for record in caplog.records)


def test_errors_say_what_and_where(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(onnxslim.errors.ModelError, match=r"bad\.onnx"):
        onnxslim.slim(tmp_path / "bad.onnx")
    with pytest.raises(OSError, match=r"none\.onnx"):
        onnxslim.slim(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match="not int"):
        onnxslim.slim(3)

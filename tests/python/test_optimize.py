"""optimize() and what looks at models: results, options, errors."""

from __future__ import annotations

import dataclasses
from ctypes import byref, c_void_p

import onnx
import pytest

import onnxslim

pytestmark = pytest.mark.plain


def test_a_result_has_everything(model):
    result = onnxslim.optimize(model, remarks=True, attribution=True)
    assert isinstance(result.model, onnx.ModelProto)
    assert result.report.nodes == onnxslim.results.Change(4, 2)
    assert result.report.rewrites == sum(rule.fired for rule in result.statistics) > 0
    fired = {(remark.pass_name, remark.rule) for remark in result.remarks if remark.fired}
    assert ("eliminate_identity_ops", "identity") in fired
    assert result.attribution.nodes == 4
    assert result.attribution.rows[-1].pass_name == "all"
    assert result.attribution.rows[-1].nodes_after == 2


def test_bytes_paths_and_protos_give_the_same(model, tmp_path):
    onnx.save(model, tmp_path / "in.onnx")
    data = onnxslim.optimize(model.SerializeToString()).model
    assert onnxslim.optimize(tmp_path / "in.onnx").model == data
    assert onnxslim.optimize(tmp_path / "in.onnx", tmp_path / "out.onnx").model is None
    assert (tmp_path / "out.onnx").read_bytes() == data


def test_options_of_every_type(convolution):
    result = onnxslim.optimize(
        convolution,
        freeze={"N": 1, "H": 8, "W": 8},
        skip=["fuse_conv_relu", "conv-add"],
        exact=True,
        max_growth="1k",
        jobs=1,
        target="ort",
        remarks="missed",
        infer_shapes=False,
        outputs=["y"],
    )
    assert result.model.graph.node[1].op_type == "BatchNormalization"
    assert all(not remark.fired for remark in result.remarks)
    assert len(result.report.frozen) >= 3
    assert result.report.target.target == "ort"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"exakt": True}, "did you mean 'exact'"),
        ({"exact": 3}, "'exact' wants True or False"),
        ({"jobs": "many"}, "'many' is not a whole number"),
        ({"jobs": True}, "'jobs' wants a whole number"),
        ({"freeze": 3}, "wants a mapping"),
        ({"freeze": {"nothing": 1}}, "no input or output has a dim called 'nothing'"),
        ({"skip": [1]}, "list of texts"),
        ({"skip": ["fuse_nothing"]}, "no pass or rule 'fuse_nothing'"),
        ({"input_shape": {"x": [1.5, 4]}}, "whole numbers"),
        ({"target": "phone"}, "'phone'"),
    ],
)
def test_bad_options_are_refused(model, options, why):
    with pytest.raises(onnxslim.errors.UsageError, match=why):
        onnxslim.optimize(model, **options)


def test_the_types_know_every_option():
    from onnxslim._options import TYPES
    from onnxslim._types import Options

    apart = {"dump-before", "dump-after", "reproducer"}  # of the command line's experiments
    assert {name.replace("_", "-") for name in Options.__annotations__} == set(TYPES) - apart


def check_keys(record, data: dict) -> None:
    """What C reports is not lost in a dataclass, and a dataclass promises nothing that C does not report."""
    names = {field.name for field in dataclasses.fields(record)}
    keys = {"pass_name" if key == "pass" else key for key in data}
    needed = {f.name for f in dataclasses.fields(record) if f.default is dataclasses.MISSING}
    assert keys - {"version"} <= names, record
    assert needed <= keys, record
    for key, nested in record.nested.items():
        values = data.get(key) or []
        for value in values if isinstance(values, list) else [values]:
            check_keys(nested, value)


def test_the_records_have_every_key(convolution):
    from onnxslim._library import lib
    from onnxslim._native import Context
    from onnxslim._optimize import _Lent

    with Context() as context:
        none = context.options({})
        first, second = context.load(convolution, none), context.load(convolution, none)
        second.optimize(none)
        handle = c_void_p()
        context.check(lib.onnxslim_diff(first.handle, second.handle, byref(handle)))
        check_keys(onnxslim.results.Diff, context.result("diff", handle))
        context.check(lib.onnxslim_explain(first.handle, none, b"bn", byref(handle := c_void_p())))
        check_keys(onnxslim.results.Explanation, context.result("explanation", handle))
    with Context() as context:
        options = context.options({"verify": 1, "remarks": True, "target": "ort", "freeze_all": 8})
        loaded = context.load(convolution, options)
        check_keys(onnxslim.results.Summary, loaded.inspect())
        report = loaded.optimize(options)
        assert report["verification"]["rows"]
        assert report["remarks"]
        check_keys(onnxslim.results.Report, report)
        handle, path = c_void_p(), _Lent(context).path(convolution)
        context.check(lib.onnxslim_attribution(context.handle, path, options, byref(handle)))
        check_keys(onnxslim.results.Attribution, context.result("attribution", handle))


def test_inspect_and_text(convolution):
    summary = onnxslim.inspect(convolution)
    assert summary.inputs[0].type == "float[N,3,H,W]"
    counts = {op.op_type: op.count for op in summary.ops}
    assert counts == {"BatchNormalization": 1, "Conv": 1, "Relu": 1}
    assert summary.parameters == 8 * 27 + 4 * 8
    assert onnx.parser.parse_model(onnxslim.to_text(convolution, full=True)).graph.node


def test_explain(convolution):
    everything = onnxslim.explain(convolution, skip="conv-batchnorm")
    assert everything.nodes_after == 3
    assert {node.op for node in everything.nodes} == {"Conv", "BatchNormalization", "Relu"}
    refused = onnxslim.explain(convolution, "bn", skip="conv-batchnorm")
    assert refused.asked == "bn"
    assert "conv-batchnorm" in {refusal.rule for refusal in refused.refusals if refusal.off}
    gone = onnxslim.explain(convolution, "bn").removed
    assert [removed.rule for removed in gone] == ["conv-batchnorm"]
    with pytest.raises(ValueError, match="nothing"):
        onnxslim.explain(convolution, "nothing")


def test_diff(convolution):
    found = onnxslim.diff(convolution, onnxslim.slim(convolution).SerializeToString())
    assert (found.kept + found.changed, found.gone, found.new) == (2, 1, 0)
    fates = {node.before: node.fate for node in found.nodes}
    assert sorted((fates["BatchNormalization 'bn'"], fates["Conv 'conv'"])) == ["changed", "gone"]
    assert found.before.nodes == 3
    assert found.after.nodes == 2
    same = onnxslim.diff(convolution, convolution)
    assert (same.kept, same.gone) == (3, 0)


def test_verify(model, convolution, tmp_path):
    onnx.save(model, tmp_path / "m.onnx")
    found = onnxslim.verify(tmp_path / "m.onnx", onnxslim.slim(model), seeds=2)
    assert found.passed
    assert {row.output for row in found.rows} == {"y"}
    assert {row.seed for row in found.rows} == {0, 1}
    other = onnx.ModelProto.FromString(model.SerializeToString())
    other.graph.node[3].op_type = "Abs"
    found = onnxslim.verify(model, other)
    assert not found.passed
    assert "output 'y' differs" in found.failure
    with pytest.raises(onnxslim.errors.ModelError):
        onnxslim.verify(b"no model", convolution)


def test_verify_while_optimizing_carries_its_report(model):
    wrong = onnxslim.Rule("wrong", "Relu(x)", "x")
    with pytest.raises(onnxslim.errors.VerifyError, match="computes something else") as caught:
        onnxslim.optimize(model, rules=[wrong], verify=1)
    assert not caught.value.report.verification.passed
    assert onnxslim.optimize(model, verify=1).report.verification.passed


def test_external_data_of_models_in_memory(convolution, tmp_path):
    onnx.save(
        convolution, tmp_path / "m.onnx", save_as_external_data=True, location="w", size_threshold=0
    )
    data = (tmp_path / "m.onnx").read_bytes()
    assert onnxslim.inspect(data, folder=tmp_path).external_bytes > 0
    assert onnxslim.optimize(data, folder=tmp_path, verify=1).report.nodes.after == 2
    with pytest.raises(onnxslim.OnnxSlimError):
        onnxslim.optimize(data)

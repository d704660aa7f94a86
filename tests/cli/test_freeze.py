"""freeze_dynamic_shapes on the command line: what it reports, repeats and refuses.

What it does to a model is in tests/golden/freeze_dynamic_shapes.
"""

from __future__ import annotations

import json

import onnx
import onnx.parser
import pytest

USAGE = 1
MODEL = """<ir_version: 8, opset_import: ["" : 17]>
g (float[batch, seq, 4] x, float[batch, 2] z, float[?, 3] u) => (float[b, s, 4] y, float[batch, 2] w)
{ y = Relu(x)  w = Neg(z) }"""
SIZES = ("--freeze", "batch=2,seq=3")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "in.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    return path


def test_reports_every_axis(tool, model):
    text = tool.ok(model, *SIZES).stdout.decode()
    assert "frozen input x: axis 0 (batch) = 2, axis 1 (seq) = 3\n" in text
    assert "frozen output y: axis 0 (b) = 2, axis 1 (s) = 3\n" in text
    found = json.loads(tool.ok(model, "-q", "--json", "-", *SIZES).stdout)
    assert {"value": "z", "is_input": True, "axis": 0, "dim": "batch", "size": 2} in found["frozen"]
    assert len(found["frozen"]) == 6
    freeze = {p["name"]: p for p in found["passes"]}["freeze_dynamic_shapes"]
    assert freeze["fired"] == 6 and freeze["nodes"] == 0


@pytest.mark.parametrize("flags", [SIZES, ("--freeze-all=1",), ("--input-shape=x:1,2,?",)])
@pytest.mark.parametrize("more", [(), ("--only=freeze_dynamic_shapes",)])
def test_again(tool, model, tmp_path, flags, more):
    """A second run with the same flags, and one with none, change nothing."""
    once, again, plain = (tmp_path / f"{n}.onnx" for n in ("once", "again", "plain"))
    tool.ok(model, once, "-q", *flags, *more)
    tool.ok(once, again, "-q", *flags, *more)
    tool.ok(once, plain, "-q")
    assert again.read_bytes() == once.read_bytes() == plain.read_bytes()


def test_is_off_without_sizes_or_by_name(tool, model):
    for flags in ((), (*SIZES, "--skip=freeze_dynamic_shapes")):
        found = json.loads(tool.ok(model, "-q", "--json", "-", *flags).stdout)
        assert found["frozen"] == []
        assert "freeze_dynamic_shapes" not in [p["name"] for p in found["passes"]]


def test_library_metadata_is_valid(tool, model, tmp_path):
    out = tmp_path / "out.onnx"
    tool.ok(model, out, "-q", *SIZES)
    onnx.checker.check_model(str(out), full_check=True)
    notes = {p.key: p.value for p in onnx.load(out).metadata_props}
    assert notes["onnxslim.frozen_dims"] == "batch=2,seq=3"
    assert notes["onnxslim.frozen_axes"].startswith("x[0]=2,x[1]=3,z[0]=2,")


def test_names_with_commas(tool, model, tmp_path):
    """The note escapes them as the flag does."""
    odd, out, again = tmp_path / "odd.onnx", tmp_path / "out.onnx", tmp_path / "again.onnx"
    odd.write_bytes(model.read_bytes().replace(b"batch", b"a,b=c"))
    tool.ok(odd, out, "-q", "--freeze=a\\,b=c=2,seq=3")
    notes = {p.key: p.value for p in onnx.load(out).metadata_props}
    assert notes["onnxslim.frozen_dims"] == "a\\,b=c=2,seq=3"
    tool.ok(out, again, "-q", f"--freeze={notes['onnxslim.frozen_dims']}")
    assert again.read_bytes() == out.read_bytes()


def test_input_without_rank(tool, tmp_path):
    path, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    found = onnx.parser.parse_model(MODEL)
    for value in (found.graph.input[0], found.graph.output[0]):
        value.type.tensor_type.ClearField("shape")
    onnx.save(found, path)
    tool.ok(path, out, "-q", "--freeze-all=2", "--input-shape=x:?,3,4")
    after = onnx.load(out)
    assert [d.dim_value for d in after.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 4]


@pytest.mark.parametrize(
    ("first", "flags", "words"),
    [
        ((), ["--only=freeze_dynamic_shapes"], ["needs a size", "freeze-all"]),
        ((), ["--freeze=batch=1,batch=2"], ["'batch'", "both 1 and 2", "(freeze)"]),
        (
            (),
            ["--freeze=batch=1", "--input-shape=z:2,2"],
            ["'batch'", "both 1 and 2", "freeze; input-shape, dim 0 of 'z'"],
        ),
        ((), ["--input-shape=z:2,5"], ["dim 1 of input 'z' is 2, not 5"]),
        ((), ["--freeze=bath=1"], ["'bath'", "did you mean 'batch'"]),
        (SIZES, ["--freeze=batch=3"], ["'batch' was frozen to 2 before", "3"]),
        (SIZES, ["--input-shape=x:3,3,4"], ["dim 0 of input 'x' is 2, not 3"]),
    ],
)
def test_refuses(tool, model, tmp_path, first, flags, words):
    source = model
    if first:
        source = tmp_path / "first.onnx"
        tool.ok(model, source, "-q", *first)
    done = tool(source, "-q", *flags)
    assert done.returncode == USAGE
    for word in words:
        assert word in done.stderr.decode()


def test_refuses_what_an_output_contradicts(tool, tmp_path):
    """One input says 2 where the output's dim is to become 1."""
    path = tmp_path / "in.onnx"
    text = "g (float[batch, 4] x, float[2, 4] z) => (float[batch, 4] y) { y = Add(x, z) }"
    onnx.save(onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + text), path)
    done = tool(path, "--freeze=batch=1")
    assert done.returncode == USAGE
    assert "dim 0 of output 'y' ('batch') can't become 1: it is 2" in done.stderr.decode()


def test_attribution_has_a_row(tool, model):
    for flags, shown, axes in (((), "--freeze-all=1", 7), (SIZES, None, 6)):
        text = tool.ok("attribution", model, "-q", "--json", "-", *flags).stdout
        row = json.loads(text)["rows"][0]
        assert row["pass"] == "freeze_dynamic_shapes" and row["flags"] == shown
        assert row["rewrites"] == axes and row["nodes"] == 0 and row["bytes"] != 0

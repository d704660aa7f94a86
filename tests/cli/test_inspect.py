"""`inspect`: what the onnx package says of a model, and sums over its nodes."""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import golden

MODEL = """<ir_version: 8, opset_import: ["" : 17, "com.example" : 2], producer_name: "maker",
 producer_version: "1.2", domain: "here", model_version: 7>
g (float[batch, 4] x, int64[batch, seq] ids, float[batch, 4] z) => (float[batch, 4] y, float[batch, seq] w)
<float[4] k = {1, 2, 3, 4}, int64[2] s = {-1, 4}, float16[2, 2] h = {0, 0, 0, 0}> {
  [one] a = Add(x, k)
  [two] b = Mul(a, z)
  [three] c = Relu(b)
  [four] d = Sub(c, a)
  [five] e = Reshape(d, s)
  [six] y = Add(e, x)
  [seven] w = Cast <to = 1> (ids)
}"""


@pytest.fixture
def path(tmp_path) -> Path:
    to = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), to)
    return to


def inspect(tool, *paths: Path, flags=()) -> dict | list:
    return json.loads(tool.ok("inspect", *paths, "-q", "--json", "-", *flags).stdout)


def memory_of(model: onnx.ModelProto) -> tuple[int, int]:
    """Sum and peak of the values that the nodes compute, by onnx's own inference; static shapes."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    graph = inferred.graph
    size = {}
    for v in (*graph.value_info, *graph.output):
        t = v.type.tensor_type
        width = helper.tensor_dtype_to_np_dtype(t.elem_type).itemsize
        size[v.name] = width * prod(d.dim_value for d in t.shape.dim)
    nodes = [n for n in graph.node if n.op_type != "Constant"]
    outputs = {v.name for v in graph.output}
    last = {name: i for i, n in enumerate(nodes) for name in n.input}
    live, peak, total = set(), 0, 0
    for i, n in enumerate(nodes):
        live |= {o for o in n.output if o}
        total += sum(size[o] for o in n.output if o)
        peak = max(peak, sum(size[v] for v in live))
        live = {v for v in live if v in outputs or last.get(v, i) > i}
    return total, peak


def test_header(tool, path):
    found = inspect(tool, path)
    assert (found["producer_name"], found["producer_version"]) == ("maker", "1.2")
    assert (found["model_domain"], found["model_version"], found["ir_version"]) == ("here", 7, 8)
    assert found["opsets"] == [
        {"domain": "", "version": 17},
        {"domain": "com.example", "version": 2},
    ]
    assert "made by maker 1.2" in tool.ok("inspect", path).stdout.decode()


def test_dims(tool, path):
    dims = {d["name"]: d for d in inspect(tool, path)["dims"]}
    assert dims["batch"]["axes"] == "x[0], ids[0], z[0], y[0], w[0]"
    assert dims["seq"]["axes"] == "ids[1], w[1]"
    assert (dims["batch"]["assumed"], dims["seq"]["assumed"]) == (1, 16)
    assert not inspect(tool, path, flags=["--freeze", "batch=2,seq=3"])["dims"]


def test_element_types(tool, path):
    tensors = [numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer]
    found = {d["dtype"]: d for d in inspect(tool, path)["dtypes"]}
    names = {"float": np.float32, "int64": np.int64, "float16": np.float16}
    assert found.keys() == names.keys()
    for name, dtype in names.items():
        own = [t for t in tensors if t.dtype == dtype]
        assert found[name] == {
            "dtype": name,
            "tensors": len(own),
            "elements": sum(t.size for t in own),
            "bytes": sum(t.nbytes for t in own),
        }


@pytest.mark.parametrize("batch", [1, 5])
def test_memory(tool, path, batch):
    model = onnx.load(path)
    for v in (*model.graph.input, *model.graph.output):
        for d in v.type.tensor_type.shape.dim:
            if d.dim_param:
                d.CopyFrom(type(d)(dim_value={"batch": batch, "seq": 16}[d.dim_param]))
    total, peak = memory_of(model)
    found = inspect(tool, path, flags=[f"--freeze=batch={batch}"] if batch > 1 else [])["memory"]
    assert (found["activation_bytes"], found["peak_bytes"]) == (total, peak)
    assert (found["activations"], found["unknown"]) == (7, 0)
    assert found["peak_node"] == "Cast 'seven'"


def test_sizes_are_symbolic(tool, path):
    largest = {t["name"]: t for t in inspect(tool, path)["memory"]["largest_activations"]}
    assert largest["w"]["size"] == "4*batch*seq" and largest["w"]["type"] == "float[batch,seq]"
    assert largest["a"] == {
        "name": "a",
        "type": "float[batch,4]",
        "node": "Add 'one'",
        "size": "16*batch",
        "bytes": 16,
    }
    assert "4*batch*seq bytes" in tool.ok("inspect", path).stdout.decode()


def test_unknown_sizes(tool, tmp_path):
    path = tmp_path / "m.onnx"
    text = "g (float[4] x) => (int64[1, n] y) { a = Relu(x)  y = NonZero(a) }"
    path.write_bytes(golden.parse_model(text).SerializeToString())
    memory = inspect(tool, path)["memory"]
    assert (memory["activations"], memory["unknown"], memory["activation_bytes"]) == (2, 1, 16)
    assert "1 of unknown size" in tool.ok("inspect", path).stdout.decode()


def test_captured_values_live_through_the_body(tool, tmp_path):
    """What the body of the last node reads is there beside what that node reads."""
    path = tmp_path / "m.onnx"
    text = """g (bool t, float[8] x) => (float[8] y) {
  a = Relu(x)  b = Abs(x)  c = Neg(b)
  y = If (t) <
    then_branch = p () => (float[8] u) { u = Add(a, c) },
    else_branch = q () => (float[8] v) { v = Identity(c) }>
}"""
    path.write_bytes(golden.parse_model(text).SerializeToString())
    assert inspect(tool, path)["memory"]["peak_bytes"] == 3 * 32


def test_several(tool, path, tmp_path):
    out = tmp_path / "out.onnx"
    tool.ok(path, out, "-q", "--freeze", "batch=3")
    found = inspect(tool, path, out)
    assert [f["nodes"] for f in found] == [len(onnx.load(p).graph.node) for p in (path, out)]
    text = tool.ok("inspect", path, out).stdout.decode()

    assert text.splitlines()[0].split() == ["m.onnx", "out.onnx"]
    counts = [Counter(n.op_type for n in onnx.load(p).graph.node) for p in (path, out)]
    table = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:]}
    for op in counts[0] | counts[1]:
        assert table[op] == [str(c[op] or "-") for c in counts]


def test_many_models_stand_in_several_tables(tool, path):
    text = tool.ok("inspect", *[path] * 9).stdout.decode()
    assert text.count("IR version") == 2
    assert len(inspect(tool, *[path] * 9)) == 9


def test_several_errors(tool, path, tmp_path):
    done = tool("inspect", path, tmp_path / "missing.onnx")
    assert done.returncode == 4 and b"missing.onnx" in done.stderr and not done.stdout
    assert tool("inspect", path, path, "--transposes").returncode == 1
    assert tool("inspect", path, path, "--target=tflite").returncode == 1

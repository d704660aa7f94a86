"""Every answer of docs/faq.md is tried here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden
import numeric
import process
import stacks
from tool import Tool

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faq.md"
GB = 1 << 30
BAD_MODEL, DIFFERS = 2, 3
ANSWERED = []


def answers(question: str):
    """Say which question of the page a test tries."""
    ANSWERED.append(question)
    return lambda test: test


def save(tmp_path: Path, model: str | onnx.ModelProto, name: str = "model.onnx") -> Path:
    """Write a model, given as text or as it is."""
    proto = golden.parse_model(model) if isinstance(model, str) else model
    onnx.checker.check_model(proto, full_check=True)
    path = tmp_path / name
    path.write_bytes(proto.SerializeToString())
    return path


def slim(tool: Tool, tmp_path: Path, model: str | onnx.ModelProto, *flags: str) -> onnx.ModelProto:
    """Optimise a model; the result must be valid."""
    out = tmp_path / "slim.onnx"
    tool.ok(save(tmp_path, model), out, "-q", *flags)
    after = onnx.load(out)
    onnx.checker.check_model(after, full_check=True)
    return after


def ops(model: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


def constant(node: onnx.NodeProto) -> TensorProto:
    """What a Constant node holds."""
    assert node.op_type == "Constant"
    return node.attribute[0].t


def same_outputs(before: str | onnx.ModelProto, after: onnx.ModelProto, bits: bool = True) -> None:
    """Run both in ONNX Runtime without its optimizer."""
    proto = golden.parse_model(before) if isinstance(before, str) else before
    sizes = {name: 3 + i for i, name in enumerate(numeric.dim_names(proto))}
    fed = numeric.feeds(proto, 0, sizes)
    results = [
        numeric.run(numeric.session(m.SerializeToString(), "off"), fed) for m in (proto, after)
    ]
    for wanted, got in zip(*results, strict=True):
        assert numeric.same_bits(wanted, got) if bits else numeric.max_diff(wanted, got) < 1e-5


def huge(tmp_path: Path) -> Path:
    """A model with 2.5 GB of weights, all zeros, which a file system need not store."""
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["y"]),
    ]
    rows, columns = 20_480, 32_768
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[rows, columns])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "huge.data"), ("length", str(4 * rows * columns))):
        weight.external_data.add(key=key, value=value)
    with (tmp_path / "huge.data").open("wb") as data:
        data.truncate(4 * rows * columns)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", rows])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "huge.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_every_answer_is_tried():
    asked = re.findall(r"^### (.+)$", PAGE.read_text(), re.M)
    assert len(asked) == len(set(asked)) >= 25
    assert sorted(asked) == sorted(set(ANSWERED))


# --- size and memory --------------------------------------------------------------------------------------------


@answers("Does it take models above 2 GB?")
@answers("How much memory does it need?")
@pytest.mark.plain
def test_huge_model(tool, tmp_path):
    source, out = huge(tmp_path), tmp_path / "slim.onnx"
    command = [tool.path, source, out, "-q", "--external-data=keep"]
    ended = process.watched(command)
    assert ended.code == 0 and ended.memory["anonymous"] < 32 << 20
    after = onnx.load(out, load_external_data=False)
    assert ops(after) == ["MatMul"] and out.stat().st_size < 1000
    assert (tmp_path / "huge.data").stat().st_size > 2 * GB


@answers("My weights are in external data files. What happens to them?")
def test_external_data(tool, tmp_path):
    weight = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")
    text = "g (float[N, 4096] x) => (float[N, 4096] y) { a = Identity (x)  y = Add (a, w) }"
    proto = golden.parse_model(text)
    proto.graph.initializer.append(weight)
    source = tmp_path / "in.onnx"
    onnx.save(
        proto, source, save_as_external_data=True, location="weights.bin", size_threshold=1024
    )
    data = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "out").mkdir()
    for folder, flags in ((".", "--external-data=keep"), ("out", "--external-data"), ("out", "-v")):
        out = tmp_path / folder / "slim.onnx"
        tool.ok(source, out, "-q", flags)
        onnx.checker.check_model(os.fspath(out))
        held = numpy_helper.to_array(onnx.load(out).graph.initializer[0])
        assert held.tobytes() == weight.raw_data
    assert (tmp_path / "weights.bin").read_bytes() == data
    tool.ok(source, source, "-q")
    onnx.checker.check_model(os.fspath(source))


@answers("Can optimising make the file larger?")
def test_growth(tool, tmp_path):
    text = """g (float[1024, 1024] x) => (float[1024, 1024] y)
    <int64[2] dims = {1024, 1024}> { c = ConstantOfShape (dims)  t = Tanh (c)  s = Cos (t)  y = Add (x, s) }"""
    assert slim(tool, tmp_path, text, "--skip=eliminate_identity_ops").ByteSize() < 1000
    folded = slim(tool, tmp_path, text, "--skip=eliminate_identity_ops", "--max-growth=8M")
    assert ops(folded) == ["Add"] and folded.ByteSize() > 4 << 20


@answers("How long does a large graph take?")
def test_time_is_linear(tool, tmp_path):
    tried = []
    for nodes in (1000, 10_000):
        path = tmp_path / f"{nodes}.onnx"
        stacks.write(path, "transformer", nodes)
        report = json.loads(tool.ok(path, "--dry-run", "-q", "--json", "-").stdout)
        tried.append(sum(rule["tried"] for rule in report["rules"]) / report["nodes"]["before"])
    assert tried[1] < 1.2 * tried[0]


# --- wrong results ----------------------------------------------------------------------------------------------


@answers("Slices were merged wrongly elsewhere. Are they here?")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, 9, 1), (2, 5, 1)),
        ((1, 8, 2), (1, 3, 1)),
        ((8, -11, -1), (0, 4, 2)),
        ((-3, 99, 1), (0, 2, 1)),
    ],
)
def test_slices(tool, tmp_path, first, second):
    text = f"""g (float[10, N] x) => (float[A, N] y)
    <int64[1] s = {{{first[0]}}}, int64[1] e = {{{first[1]}}}, int64[1] t = {{{first[2]}}}, int64[1] axis = {{0}},
     int64[1] u = {{{second[0]}}}, int64[1] f = {{{second[1]}}}, int64[1] v = {{{second[2]}}}>
    {{ a = Slice (x, s, e, axis, t)  y = Slice (a, u, f, axis, v) }}"""
    after = slim(tool, tmp_path, text)
    assert ops(after) == ["Slice"]
    same_outputs(text, after)


@answers("Can the result have dangling inputs?")
def test_nothing_dangles(tool, tmp_path):
    text = """g (float[N, 4] x) => (float[N, 8] y) {
      e = Shape (x)  z = ConstantOfShape (e)  a = Concat <axis = 1> (x, z)  b = Concat <axis = 1> (a)
      y = Identity (b)
    }"""
    after = slim(tool, tmp_path, text, "--verify-each")
    same_outputs(text, after)


@answers("Parts of my model vanished, even an input. Can that happen here?")
def test_inputs_stay(tool, tmp_path):
    text = """g (float[N, 4] x, float[N] unused) => (float[N, 4] y)
    <float[4] gamma = {1, 2, 3, 4}, float[4] beta = {0, 0, 1, 1}, float[4] mean = {1, 1, 1, 1},
     float[4] var = {4, 4, 4, 4}> { y = BatchNormalization (x, gamma, beta, mean, var) }"""
    after = slim(tool, tmp_path, text)
    assert [v.name for v in after.graph.input] == ["x", "unused"]
    same_outputs(text, after, bits=False)


@answers("Will the result load in ONNX Runtime? My model has dims of -1")
def test_negative_dims(tool, tmp_path):
    text = "g (float[7, 4] x) => (float[7, 4] y) { a = Identity (x)  s = Shape (a)  y = Reshape (a, s) }"
    proto = golden.parse_model(text)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = -1
    source, out = tmp_path / "model.onnx", tmp_path / "slim.onnx"
    source.write_bytes(proto.SerializeToString())
    tool.ok(source, out, "-q")
    after = onnx.load(out)
    assert after.graph.input == proto.graph.input and after.graph.output == proto.graph.output
    session = numeric.session(out.read_bytes(), "off")
    x = np.ones((5, 4), np.float32)
    assert np.array_equal(numeric.run(session, {"x": x})[0], x)


@answers("Are dynamic dims and declared types of my outputs changed?")
def test_interface(tool, tmp_path):
    text = """g (float[batch, seq, 8] x, int64[N, M] i) => (float[out, other, 8] y, int64[K, L] j)
    <float[3, 8] zeros = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}>
    { a = Identity (x)  y = Add (a, zeros)  s = Shape (i)  j = Reshape (i, s) }"""
    before, after = golden.parse_model(text), slim(tool, tmp_path, text)
    assert after.graph.input == before.graph.input and after.graph.output == before.graph.output


@answers("Does it understand If, Loop and Scan?")
def test_bodies(tool, tmp_path):
    text = """g (float[N, 4] x, bool c) => (float[N, 4] y) {
      k = Identity (x)
      r = If (c) <
        then_branch = t () => (float[N, 4] p) { a = Identity (k)  b = Neg (a)  d = Neg (b)  p = Relu (d) },
        else_branch = e () => (float[N, 4] q) { q = Abs (k) }
      >
      y = Identity (r)
    }"""
    after = slim(tool, tmp_path, text)
    bodies = [ops_of(a.g) for n in after.graph.node for a in n.attribute]
    assert ops(after) == ["If"] and sorted(bodies) == [["Abs"], ["Relu"]]
    proto = golden.parse_model(text)
    for value in (True, False):
        fed = {"x": np.float32([[1, -2, 3, -4]]), "c": np.array(value)}
        results = [
            numeric.run(numeric.session(m.SerializeToString(), "off"), fed) for m in (proto, after)
        ]
        assert numeric.same_bits(results[0][0], results[1][0])


def ops_of(graph: onnx.GraphProto) -> list[str]:
    return [n.op_type for n in graph.node]


@answers("Are attributes such as start and end of Shape respected?")
def test_shape_of_a_part(tool, tmp_path):
    text = """g (float[2, 3, 5] x) => (int64[2] y, int64[1] z)
    { y = Shape <start = 1> (x)  z = Shape <start = -3, end = -2> (x) }"""
    after = slim(tool, tmp_path, text)
    held = {n.output[0]: numpy_helper.to_array(constant(n)).tolist() for n in after.graph.node}
    assert held == {"y": [3, 5], "z": [2]}


@answers("How do I know that the result computes the same?")
@answers("Something is wrong. Which rewrite was it?")
def test_verify_and_bisect(build, tmp_path, ort):
    """A build with a rule that is wrong: the check refuses, and bisect names the rule."""
    wrong = Tool(build / "onnxslim-wrong")
    text = "g (float[N, 4] x) => (float[N, 4] y) { i = Identity (x)  n = Neg (i)  r = Relu (n)  y = Tanh (r) }"
    source, out = save(tmp_path, text), tmp_path / "slim.onnx"
    done = wrong(source, out, "-q", "--verify", "--ort", ort)
    assert done.returncode == DIFFERS and not out.exists()
    suspect = tmp_path / "suspect.json"
    wrong("bisect", source, tmp_path / "small.onnx", "--ort", ort, "-q", "--json", suspect)
    assert json.loads(suspect.read_text())["rule"] == "drop-negation"
    assert len(onnx.load(tmp_path / "small.onnx").graph.node) < 4
    right = Tool(build / "onnxslim")
    right.ok(source, out, "-q", "--verify", "--ort", ort)


@answers("Can a valid or a damaged model crash it?")
def test_damaged(tool, tmp_path):
    whole = save(
        tmp_path, "g (float[N] x) => (float[N] y) { a = Relu (x)  y = Neg (a) }"
    ).read_bytes()
    path = tmp_path / "damaged.onnx"
    for size in range(1, len(whole), 3):
        path.write_bytes(whole[:size])
        done = tool(path, tmp_path / "never.onnx", "-q")
        lines = done.stderr.decode().splitlines()
        assert done.returncode in (0, BAD_MODEL)
        assert done.returncode == 0 or (len(lines) == 1 and lines[0].startswith("onnxslim: error"))


@answers("Can two different constants become one?")
def test_constants_are_compared_by_bytes(tool, tmp_path):
    text = """g (float[2] x) => (float[2] a, float[2] b, float[2] c, float[2] d)
    <float[2] four = {4, 4}, float[2] two = {2, 2}, float[2] zero = {0, 0}, float[2] minus = {-0.0, -0.0}>
    { a = Div (x, four)  b = Div (x, two)  c = Max (x, zero)  d = Max (x, minus) }"""
    assert len(slim(tool, tmp_path, text).graph.initializer) == 4
    text = text.replace("two = {2, 2}", "two = {4, 4}")
    assert len(slim(tool, tmp_path, text).graph.initializer) == 3


@answers("What happens to quantised weights?")
def test_quantized_weights(tool, tmp_path):
    proto = golden.parse_model(
        """g (float[N, 64] x) => (float[N, 64] y) <float s = {0.1}, int8 z = {0}>
        { w = DequantizeLinear (q, s, z)  y = MatMul (x, w) }"""
    )
    weight = np.random.default_rng(0).integers(-128, 127, (64, 64), np.int8)
    proto.graph.initializer.append(numpy_helper.from_array(weight, "q"))
    after = slim(tool, tmp_path, proto, "--max-growth=1G")
    assert ops(after) == ["DequantizeLinear", "MatMul"]
    assert after.ByteSize() <= proto.ByteSize()


@answers("Is what a Loop computes taken for a constant?")
def test_loop_without_carried_values(tool, tmp_path):
    text = """g (int64 n, float[2] x) => (float[K, 2] y) <bool go = {1}> {
      y = Loop (n, go) <body = b (int64 i, bool c) => (bool d, float[2] s) {
        d = Identity (c)  r = Cast <to = 1> (i)  s = Add (x, r)
      }>
    }"""
    after = slim(tool, tmp_path, text)
    assert ops(after) == ["Loop"]
    fed = {"n": np.array(3), "x": np.float32([1, 2])}
    got = numeric.run(numeric.session(after.SerializeToString(), "off"), fed)[0]
    assert got.tolist() == [[1, 2], [2, 3], [3, 4]]


@answers("My model has custom operators. Does that work?")
def test_custom_operators(tool, tmp_path):
    proto = golden.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "my.domain": 3]>
        g (float[N] x) => (float[N] y)
        { a = Identity (x)  b = my.domain.Magic <level = 3> (a)  y = Identity (b) }"""
    )
    source, out = tmp_path / "model.onnx", tmp_path / "slim.onnx"
    source.write_bytes(proto.SerializeToString())
    tool.ok(source, out, "-q")
    after = onnx.load(out).graph.node
    assert [(n.domain, n.op_type, n.attribute[0].i) for n in after] == [("my.domain", "Magic", 3)]


@answers("What if a rewrite does not fit?")
def test_refusals_have_reasons(tool, tmp_path):
    text = """g (float[N, 8] x) => (float[N, 4] q, float[N, 4] k)
    <float[8, 4] w = {1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1},
     float[4] s = {1e-30, 1, 1, 1}> { q = MatMul (x, w)  m = MatMul (x, w)  a = Relu (m)  k = Mul (a, s) }"""
    done = tool.ok(save(tmp_path, text), "--remarks=missed", "--dry-run")
    assert slim(tool, tmp_path, text).graph.output == golden.parse_model(text).graph.output
    conv = """g (float[N, 1, 4] x) => (float[N, 1, 4] y)
    <float[1, 1, 1] W = {1}, float[1] gamma = {1e-30}, float[1] beta = {0}, float[1] mean = {0}, float[1] var = {1e20}>
    { c = Conv (x, W)  y = BatchNormalization (c, gamma, beta, mean, var) }"""
    done = tool.ok(save(tmp_path, conv), "--remarks=missed", "--dry-run")
    assert "normal number" in done.stdout.decode().replace("\n", " ")
    assert ops(slim(tool, tmp_path, conv)) == ["Conv", "BatchNormalization"]


@answers("Does folding BatchNormalization cost accuracy?")
def test_batchnorm(tool, tmp_path):
    rng = np.random.default_rng(0)
    proto = golden.parse_model(
        """g (float[N, 8, H, W] x) => (float[N, 8, A, B] y)
        { c = Conv (x, w)  y = BatchNormalization (c, gamma, beta, mean, var) }"""
    )
    arrays = {"w": rng.normal(size=(8, 8, 3, 3))}
    arrays |= {name: rng.normal(size=8) for name in ("gamma", "beta", "mean")}
    arrays["var"] = rng.uniform(0.5, 2, 8)
    for name, array in arrays.items():
        proto.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    after = slim(tool, tmp_path, proto)
    assert ops(after) == ["Conv"]
    assert ops(slim(tool, tmp_path, proto, "--exact")) == ["Conv", "BatchNormalization"]
    gamma, var = (arrays[name].astype(np.float32).astype(float) for name in ("gamma", "var"))
    scale = (gamma / np.sqrt(var + float(np.float32(1e-5)))).astype(np.float32)
    wanted = arrays["w"].astype(np.float32) * scale[:, None, None, None]
    held = next(t for t in after.graph.initializer if len(t.dims) == 4)
    assert np.array_equal(numpy_helper.to_array(held), wanted)


@answers("Is the perm of a Transpose looked at before it is folded into Gemm?")
def test_transposes_into_gemm(tool, tmp_path):
    text = """g (float[4, 4] x, float[4, 4] z) => (float[4, 4] y) {{
      t = Transpose <perm = [{perm}]> (x)  y = Gemm (t, z)
    }}"""
    for perm, flag in (("1, 0", 1), ("0, 1", 0)):
        model = text.format(perm=perm)
        after = slim(tool, tmp_path, model)
        node = after.graph.node[0]
        found = next((a.i for a in node.attribute if a.name == "transA"), 0)
        assert (ops(after), found) == (["Gemm"], flag)
        same_outputs(model, after)


@answers("Can folding hang or take over the machine?")
def test_folding_is_bounded(tool, tmp_path):
    text = """g (float[N] x) => (float[N] y)
    <float[1, 1, 2, 2] small = {1, 2, 3, 4}, float[4] by = {1, 1, 20000, 20000}> {
      r = Resize <mode = "linear"> (small, , by)  m = ReduceMax <keepdims = 0> (r)  y = Add (x, m)
    }"""
    source = save(tmp_path, text)
    ended = process.watched([tool.path, source, "--dry-run", "-q"], timeout=60, limit=1 << 30)
    assert ended.code == 0 and ended.memory["anonymous"] < 256 << 20


@answers("Are shared constants and local functions safe?")
def test_shared_axes_and_functions(tool, tmp_path):
    text = """<ir_version: 10, opset_import: ["": 21, "local": 1]>
    g (float[1, N, 1] x) => (float[N] y, float[1, N] z) <int64[2] both = {0, 2}, int64[1] last = {2}> {
      y = Squeeze (x, both)  a = local.twice (x)  z = Squeeze (a, last)
    }
    <domain: "local", opset_import: ["": 21]> twice (p) => (q) { i = Identity (p)  q = Add (i, p) }"""
    after = slim(tool, tmp_path, text)
    assert [f.node[0].op_type for f in after.functions] == ["Add"]
    same_outputs(text, after)
    assert "twice" not in ops(slim(tool, tmp_path, text, "--inline-functions"))


# --- what a model carries ---------------------------------------------------------------------------------------


@answers("Do names, doc strings and metadata survive?")
def test_names_and_metadata(tool, tmp_path):
    proto = golden.parse_model(
        "g (float[N] x) => (float[N] y) { a = Identity (x)  [first] b = Relu (a)  y = Neg (b) }"
    )
    proto.doc_string, proto.graph.doc_string = "of the model", "of the graph"
    proto.metadata_props.add(key="author", value="me")
    node = proto.graph.node[1]
    node.doc_string = "of the node"
    node.metadata_props.add(key="pkg.torch.onnx.name", value="relu")
    after = slim(tool, tmp_path, proto)
    assert (after.doc_string, after.graph.doc_string) == ("of the model", "of the graph")
    assert after.metadata_props == proto.metadata_props
    kept = after.graph.node[0]
    assert (kept.name, kept.doc_string, list(kept.output)) == ("first", "of the node", ["b"])
    assert kept.metadata_props == node.metadata_props


@answers("What has to be installed?")
@pytest.mark.plain
def test_needs_nothing(build):
    read = subprocess.run(
        ["readelf", "-d", build / "onnxslim"], capture_output=True, text=True, check=True
    )
    needed = set(re.findall(r"NEEDED.*\[(\w+)", read.stdout))
    assert needed <= {"libc", "libm", "libpthread", "libdl", "ld"}
    package = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text())["project"]
    assert package["dependencies"] == []


@answers("Does it handle float8, int4, strings and sparse tensors?")
def test_unusual_types(tool, tmp_path):
    rows = (
        ("FLOAT8E4M3FN", helper.make_tensor("w", TensorProto.FLOAT8E4M3FN, [2], [1.0, 2.0])),
        ("INT4", helper.make_tensor("w", TensorProto.INT4, [2], [1, -2])),
        ("STRING", helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"])),
    )
    for kind, tensor in rows:
        elem = TensorProto.DataType.Value(kind)
        nodes = [
            helper.make_node("Identity", ["w"], ["i"]),
            helper.make_node("Reshape", ["i", "shape"], ["y"]),
        ]
        shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, 2])
        y = helper.make_tensor_value_info("y", elem, [1, 2])
        graph = helper.make_graph(nodes, "g", [], [y], [tensor, shape])
        opsets = [helper.make_opsetid("", 21)]
        after = slim(tool, tmp_path, helper.make_model(graph, opset_imports=opsets, ir_version=10))
        kept = constant(after.graph.node[0])
        assert (kept.data_type, list(kept.dims)) == (elem, [1, 2]), kind
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [3.0])
    indices = helper.make_tensor("s_indices", TensorProto.INT64, [1], [2])
    proto = golden.parse_model(
        "g (float[4] x) => (float[4] y) { a = Identity (x)  y = Add (a, s) }"
    )
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    source, out = tmp_path / "sparse.onnx", tmp_path / "slim.onnx"
    source.write_bytes(proto.SerializeToString())
    tool.ok(source, out, "-q")
    after = onnx.load(out)
    assert ops(after) == ["Add"]
    assert after.graph.sparse_initializer == proto.graph.sparse_initializer


@answers("Are random operators merged or frozen?")
def test_random(tool, tmp_path):
    text = """g (float[4] x) => (float[4] y) {
      a = RandomNormalLike (x)  b = RandomNormalLike (x)  c = RandomNormal <shape = [4]> ()
      s = Add (a, b)  y = Add (s, c)
    }"""
    assert sorted(ops(slim(tool, tmp_path, text)))[-3:] == [
        "RandomNormal",
        "RandomNormalLike",
        "RandomNormalLike",
    ]


@answers("Why is a node still there?")
def test_missed(tool, tmp_path):
    text = """g (float[N, 4] x) => (float[N, 4] y) { a = Neg (x)  b = Relu (a)  c = Add (a, b)  y = Neg (c) }"""
    done = tool.ok(save(tmp_path, text), "--dry-run", "--remarks=missed", "--json", "-")
    assert "remarks" in json.loads(done.stdout)

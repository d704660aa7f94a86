"""Every flag and every command, on small models; onnx and ONNX Runtime judge the result."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden

USAGE, BAD_MODEL, VERIFY, IO = 1, 2, 3, 4

CHAIN = """g (float[N, 4] x, float[N, 4] other) => (float[N, 4] y)
<float[4] w = {1, 2, 3, 4}, float[4] unused = {5, 6, 7, 8}, float[N, 4] a, float[M, 4] b>
{ [drop] a = Identity(x)  [plus] b = Add(a, w)  [act] c = Relu(b)  [sum] y = Add(c, other) }"""

CONV = """g (float[1, 1, 4, 4] x) => (float[1, 2, 4, 4] y)
<float[2, 1, 1, 1] w = {1.5, -2.5}, float[2] scale = {0.3, 0.7}, float[2] bias = {0.1, 0.2},
 float[2] mean = {0.4, -0.1}, float[2] var = {1.1, 0.9}>
{ [conv] c = Conv(x, w)  [bn] y = BatchNormalization(c, scale, bias, mean, var) }"""

RANDOM = """g (float[3] x) => (float[3] y)
{ a = Identity(x)  r = RandomNormalLike(a)  y = Add(a, r) }"""


@pytest.fixture
def chain(tmp_path) -> Path:
    return write(tmp_path / "chain.onnx", golden.parse_model(CHAIN))


@pytest.fixture
def conv(tmp_path) -> Path:
    return write(tmp_path / "conv.onnx", golden.parse_model(CONV))


def write(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def weights(kilobytes: int = 64) -> onnx.ModelProto:
    """A model with one large initializer."""
    array = np.arange(kilobytes * 256, dtype=np.float32)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [array.size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [array.size])
    nodes = [helper.make_node("Identity", ["x"], ["a"]), helper.make_node("Add", ["a", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(array, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def optimise(tool, source: Path, *flags) -> onnx.ModelProto:
    """Optimise to a file beside the source; returns the checked result."""
    out = source.with_suffix(".out.onnx")
    tool.ok(source, out, "-q", *flags)
    onnx.checker.check_model(str(out), full_check=True)
    return onnx.load(out)


def ops(model: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


def dims(info: onnx.ValueInfoProto) -> list:
    return [
        d.dim_value if d.HasField("dim_value") else d.dim_param or None
        for d in info.type.tensor_type.shape.dim
    ]


def names(values) -> list[str]:
    return [v.name for v in values]


def run(model: onnx.ModelProto, feeds: dict, outputs: list[str] | None = None) -> list:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(outputs, feeds)


def refused(done, code: int, *words: str) -> None:
    text = done.stderr.decode()
    assert done.returncode == code, text
    assert text.startswith("onnxslim: error: ") and text.count("\n") == 1, text
    for word in words:
        assert word in text


def report(tool, *args) -> dict:
    """The JSON of a run."""
    return json.loads(tool.ok(*args, "-q", "--json", "-").stdout)


# --- the report -------------------------------------------------------------------------


def test_reports_without_writing(tool, chain, tmp_path):
    before = sorted(tmp_path.iterdir())
    text = tool.ok(chain).stdout.decode()
    assert re.search(r"^ *Identity +1 +0 +-1$", text, re.MULTILINE)
    assert re.search(r"^nodes +4 +3 +-1$", text, re.MULTILINE)
    assert re.search(r"^eliminate_identity_ops +1 +-1 ", text, re.MULTILINE)
    assert re.search(r"^size ", text, re.MULTILINE)
    assert sorted(tmp_path.iterdir()) == before


def test_writes_and_reports(tool, chain, tmp_path):
    out = tmp_path / "out.onnx"
    text = tool.ok(chain, out).stdout.decode()
    assert "write" in text.splitlines()[-1]
    onnx.checker.check_model(str(out), full_check=True)
    assert ops(onnx.load(out)) == ["Add", "Relu", "Add"]


def test_dry_run(tool, chain, tmp_path):
    out = tmp_path / "out.onnx"
    text = tool.ok(chain, out, "--dry-run").stdout.decode()
    assert "dry run" in text and not out.exists()


def test_quiet(tool, chain, tmp_path):
    done = tool.ok(chain, tmp_path / "out.onnx", "--quiet")
    assert (done.stdout, done.stderr) == (b"", b"")


def test_table_goes_to_standard_error_beside_a_model(tool, chain, tmp_path):
    done = tool.ok(chain, "-")
    assert ops(onnx.load_from_string(done.stdout)) == ["Add", "Relu", "Add"]
    assert b"Identity" in done.stderr


def test_json_has_everything(tool, chain, tmp_path):
    path, out = tmp_path / "report.json", tmp_path / "out.onnx"
    tool.ok(chain, out, "-q", "--json", path, "--remarks")
    found = json.loads(path.read_text())
    assert found["nodes"] == {"before": 4, "after": 3}
    assert found["bytes"] == {"before": chain.stat().st_size, "after": out.stat().st_size}
    assert {"domain": "", "op_type": "Identity", "before": 1, "after": 0} in found["ops"]
    assert sum(op["before"] for op in found["ops"]) == 4
    assert set(found["seconds"]) == {"read", "optimize", "write", "verify"}
    passes = {p["name"]: p for p in found["passes"]}
    assert passes["eliminate_identity_ops"]["nodes"] == -1
    assert passes["eliminate_unused_initializers"]["bytes"] == -16
    assert all({"fired", "tried", "missed", "seconds"} <= set(p) for p in passes.values())
    assert sum(p["nodes"] for p in passes.values()) == -1
    fired = [r for r in found["remarks"] if r["fired"]]
    assert found["rewrites"] == len(fired) == sum(r["fired"] for r in found["rules"])
    assert any("drop" in r["node"] for r in fired)


def test_json_escapes(tool, tmp_path):
    model = golden.parse_model(CHAIN)
    model.graph.node[0].name = 'quote " back \\ tab \t é'
    source = write(tmp_path / "odd.onnx", model)
    found = report(tool, source, "--remarks=fired")
    assert any('quote " back \\ tab \t é' in r["node"] for r in found["remarks"])


def test_json_cannot_be_written(tool, chain, tmp_path):
    refused(tool(chain, "-q", "--json", tmp_path / "none" / "x.json"), IO, "x.json")


def test_deterministic(tool, conv, tmp_path):
    outs = [tmp_path / "1.onnx", tmp_path / "2.onnx"]
    for out in outs:
        tool.ok(conv, out, "-q")
    assert outs[0].read_bytes() == outs[1].read_bytes()


# --- flags in general -------------------------------------------------------------------


def test_help_names_everything(tool, build):
    text = tool.ok("--help").stdout.decode()
    for flag in ("freeze", "input-shape", "inputs", "outputs", "passes", "skip", "only", "exact"):
        assert f"--{flag} " in text
    for flag in ("max-growth", "external-data", "verify", "json", "keep", "infer-shapes"):
        assert f"--{flag}" in text
    for flag in ("dry-run", "quiet", "verbose", "version", "verify-each", "dump-before"):
        assert f"--{flag}" in text
    for command in ("inspect", "explain", "diff", "print", "passes", "verify", "bench", "bisect"):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE)
    assert tool.ok("-h").stdout.decode() == text
    assert tool.ok("inspect", "--help").stdout.decode() == text


def test_version(tool):
    header = Path(__file__).parents[2] / "include" / "onnxslim.h"
    version = re.search(r'ONNXSLIM_VERSION "(.+)"', header.read_text())[1]
    for flag in ("-V", "--version"):
        assert tool.ok(flag).stdout.decode() == f"onnxslim {version}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--freez=N=1"], ["--freez", "did you mean '--freeze'"]),
        (["--only", "fold_constant"], ["did you mean 'fold_constants'"]),
        (["--skip", "eliminate-dead-nodes"], ["did you mean 'eliminate_dead_nodes'"]),
        (["--freeze", "N"], ["'N'", "DIM=N"]),
        (["--freeze", "n=1"], ["'n'", "did you mean 'N'"]),
        (["--freeze", "N=1,N=2"], ["'N'", "both 1 and 2"]),
        (["--input-shape", "x"], ["'x'", "NAME:D"]),
        (["--input-shape", "x:1"], ["'x'", "2 dims"]),
        (["--input-shape", "x:1,5"], ["dim 1", "'x'", "4"]),
        (["--input-shape", "z:1,4"], ["no input 'z'"]),
        (["--keep", "nothing*"], ["nothing*"]),
        (["--inputs", "bb"], ["'bb'"]),
        (["--inputs", "x", "--outputs", "y"], ["'other'"]),
        (["--outputs", "y,y"], ["twice"]),
        (["--exact=2"], ["exact", "0 or 1"]),
        (["--bisect"], ["--bisect", "needs a value"]),
        (["--max-growth=1x"], ["max-growth"]),
        (["--remarks=some"], ["all|fired|missed"]),
        (["--quiet=1"], ["--quiet", "no value"]),
        (["-x"], ["-x"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("-") else "",
)
def test_usage_errors(tool, chain, arguments, words):
    refused(tool(chain, *arguments), USAGE, *words)


def test_commands_say_how_they_are_used(tool, chain):
    refused(tool("verify", chain), USAGE, "verify A B")
    refused(tool("inspect"), USAGE, "inspect IN")
    refused(tool("print", chain, chain), USAGE, "print IN")


def test_optional_values_need_an_equals_sign(tool, chain, tmp_path):
    """--external-data and --remarks leave the next argument alone."""
    out = tmp_path / "out.onnx"
    tool.ok("-q", "--remarks", chain, "--external-data", out)
    assert out.exists()


def test_list_options_add_up(tool, chain):
    model = optimise(tool, chain, "--keep", "a", "--keep=unused")
    assert "Identity" in ops(model)
    assert "unused" in names(model.graph.initializer)


# --- interface --------------------------------------------------------------------------


def test_freeze(tool, chain):
    model = optimise(tool, chain, "--freeze", "N=3")
    assert [dims(v) for v in model.graph.input] == [[3, 4], [3, 4]]
    assert [dims(v) for v in model.graph.output] == [[3, 4]]
    fed = np.ones((3, 4), np.float32)
    run(model, {"x": fed, "other": fed})


def test_freeze_keeps_value_info_only_while_it_is_true(tool, chain):
    claims = onnx.load(chain)
    claims.graph.value_info.append(helper.make_tensor_value_info("c", 1, [4, "N"]))
    source = write(chain, claims)
    model = optimise(tool, source, "--freeze=N=3", "--passes=eliminate_dead_nodes")
    assert {v.name: dims(v) for v in model.graph.value_info} == {"a": [3, 4], "b": ["M", 4]}


def test_freeze_settles_outputs_with_names_of_their_own(tool, tmp_path):
    source = write(
        tmp_path / "named.onnx",
        golden.parse_model(
            "g (float[B, S] x) => (float[out_0, out_1] y) { y = Transpose <perm = [1, 0]> (x) }"
        ),
    )
    assert dims(optimise(tool, source, "--freeze", "B=2").graph.output[0]) == ["out_0", 2]
    both = optimise(tool, source, "--freeze", "B=2,S=5")
    assert dims(both.graph.output[0]) == [5, 2]


def test_freeze_to_nothing(tool, chain):
    model = optimise(tool, chain, "--freeze", "N=0")
    empty = np.ones((0, 4), np.float32)
    assert run(model, {"x": empty, "other": empty})[0].shape == (0, 4)


def test_input_shape(tool, chain):
    """A named dim is frozen wherever it stands; ? leaves a dim alone."""
    model = optimise(tool, chain, "--input-shape", "x:5,?")
    assert [dims(v) for v in model.graph.input] == [[5, 4], [5, 4]]


def test_input_shape_of_unnamed_dims_and_odd_names(tool, tmp_path):
    model = golden.parse_model("g (float[?, ?] x) => (float[?, ?] y) { y = Relu(x) }")
    model.graph.input[0].name = model.graph.node[0].input[0] = "in:0"
    source = write(tmp_path / "odd.onnx", model)
    frozen = optimise(tool, source, "--input-shape", "in:0:2,3")
    assert dims(frozen.graph.input[0]) == [2, 3] == dims(frozen.graph.output[0])


def test_outputs(tool, chain):
    whole, model = onnx.load(chain), optimise(tool, chain, "--outputs", "c,b")
    assert names(model.graph.output) == ["c", "b"]
    assert names(model.graph.input) == ["x", "other"], "unused inputs stay"
    assert ops(model) == ["Add", "Relu"]
    whole.graph.output.extend([helper.make_tensor_value_info(n, 1, None) for n in "cb"])
    fed = {k: np.random.default_rng(0).standard_normal((2, 4), np.float32) for k in ("x", "other")}
    for a, b in zip(run(whole, fed, ["c", "b"]), run(model, fed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_inputs(tool, chain):
    model = optimise(tool, chain, "--inputs", "b,other")
    assert names(model.graph.input) == ["b", "other"]
    assert dims(model.graph.input[0])[1] == 4
    assert ops(model) == ["Relu", "Add"]
    assert not model.graph.initializer
    b, other = np.float32([[-1, 2, -3, 4]]), np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(run(model, {"b": b, "other": other})[0], np.maximum(b, 0) + other)


def test_inputs_and_outputs(tool, chain):
    model = optimise(tool, chain, "--inputs", "b", "--outputs", "c")
    assert (names(model.graph.input), names(model.graph.output)) == (["b"], ["c"])
    assert ops(model) == ["Relu"]


def test_an_input_that_is_cut_off_leaves_the_producers_other_outputs(tool, tmp_path):
    source = write(
        tmp_path / "split.onnx",
        golden.parse_model(
            """g (float[4] x) => (float[2] y, float[2] z)
            { a, b = Split <num_outputs = 2> (x)  y = Relu(a)  z = Neg(b) }"""
        ),
    )
    model = optimise(tool, source, "--inputs", "x,a")
    x, a = np.float32([1, 2, 3, 4]), np.float32([-5, 6])
    y, z = run(model, {"x": x, "a": a})
    assert (y.tolist(), z.tolist()) == ([0, 6], [-3, -4])


def test_a_cut_keeps_what_bodies_capture(tool, tmp_path):
    source = write(
        tmp_path / "if.onnx",
        golden.parse_model(
            """g (bool c, float[2] x) => (float[2] y)
            { a = Neg(x)  b = Exp(x)
              y = If (c) <then_branch = t () => (float[2] p) { p = Relu(a) },
                          else_branch = e () => (float[2] q) { q = Abs(a) }> }"""
        ),
    )
    model = optimise(tool, source, "--outputs=y", "--inputs=c,a")
    assert names(model.graph.input) == ["c", "a"] and ops(model) == ["If"]
    fed = {"c": np.array(False), "a": np.float32([-1, 2])}
    assert run(model, fed)[0].tolist() == [1, 2]


@pytest.mark.parametrize("side", ["input", "output"])
def test_a_cut_needs_types(tool, tmp_path, side):
    model = golden.parse_model(
        """<ir_version: 10, opset_import: ["" : 21, "custom" : 1]>
        g (float[N] x) => (float[N] y) { a = custom.Op(x)  y = Relu(a) }"""
    )
    source = write(tmp_path / "in.onnx", model)
    refused(tool(source, f"--{side}s=a"), USAGE, f"'a' cannot become an {side}")
    model.graph.value_info.append(helper.make_tensor_value_info("a", 1, ["N"]))
    cut = tmp_path / "out.onnx"
    tool.ok(write(source, model), cut, "-q", f"--{side}s=a")
    assert names(getattr(onnx.load(cut).graph, side)) == ["a"]


def test_defaults_stay_inputs_of_a_cut(tool, tmp_path):
    model = golden.parse_model(CHAIN)
    model.graph.input.append(helper.make_tensor_value_info("w", 1, [4]))
    cut = optimise(tool, write(tmp_path / "in.onnx", model), "--inputs=x", "--outputs=b")
    assert names(cut.graph.input) == ["x", "w"] and names(cut.graph.initializer) == ["w"]
    cut = optimise(tool, tmp_path / "in.onnx", "--inputs=b,other")
    assert names(cut.graph.input) == ["b", "other"] and not cut.graph.initializer


def test_keep(tool, chain):
    assert "Identity" in ops(optimise(tool, chain, "--keep", "a"))
    assert "Identity" in ops(optimise(tool, chain, "--keep", "dr?p"))
    assert "Identity" not in ops(optimise(tool, chain, "--keep", "b"))


# --- passes -----------------------------------------------------------------------------


def test_passes(tool, chain):
    model = optimise(tool, chain, "--passes", "eliminate_unused_initializers")
    assert ops(model) == ["Identity", "Add", "Relu", "Add"]
    assert names(model.graph.initializer) == ["w"]
    ran = report(tool, chain, "--passes=fold_constants,eliminate_dead_nodes")["passes"]
    assert [p["name"] for p in ran] == ["eliminate_dead_nodes", "fold_constants"]


def test_passes_as_json(tool):
    """What the table shows in words."""
    listed = json.loads(tool.ok("passes", "--json", "-").stdout)["passes"]
    table = tool.ok("passes", "-v").stdout.decode().splitlines()
    titles = [line.split(" (")[0] for line in table if line and not line.startswith(" ")]
    rules = [line.strip().split(" (")[0] for line in table if re.match(r" {4}\S", line)]
    assert [p["name"] for p in listed] == titles
    assert [r["name"] for p in listed for r in p["rules"]] == rules
    assert all(p["bitwise"] == all(r["bitwise"] for r in p["rules"]) for p in listed)


def test_only(tool, chain):
    model = optimise(tool, chain, "--only", "eliminate_identity_ops")
    assert ops(model) == ["Add", "Relu", "Add"]
    assert names(model.graph.initializer) == ["w", "unused"]


def test_skip(tool, chain):
    assert "Identity" in ops(optimise(tool, chain, "--skip", "eliminate_identity_ops"))
    rules = report(tool, chain)["rules"]
    guilty = [r["rule"] for r in rules if r["fired"] and r["pass"] == "eliminate_identity_ops"]
    assert "Identity" in ops(optimise(tool, chain, "--skip", ",".join(guilty)))


def test_exact(tool, conv):
    assert ops(optimise(tool, conv)) == ["Conv"]
    assert ops(optimise(tool, conv, "--exact")) == ["Conv", "BatchNormalization"]


def test_weights_equal_when_computed(tool, tmp_path):
    """A weight that is computed and one that is stored are one, if they hold the same."""
    proto = golden.parse_model(
        """g (float[2, N, 310] x, float[M, 300] u) => (float[2, N, 300] y, float[2, N, 300] z, float[M, 310] v)
        { t = Transpose <perm = [1, 0]> (w)  y = MatMul(x, t)  a = MatMul(x, wt)  z = Relu(a)  v = MatMul(u, w) }"""
    )
    weight = np.random.default_rng(0).standard_normal((300, 310), np.float32)
    for name, array in (("w", weight), ("wt", np.ascontiguousarray(weight.T))):
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    after = optimise(tool, write(tmp_path / "computed.onnx", proto), "--max-growth=1M")
    assert ops(after) == ["MatMul", "Relu", "MatMul"]
    assert len(after.graph.initializer) == 2


def test_max_growth(tool, tmp_path):
    source = write(
        tmp_path / "grow.onnx",
        golden.parse_model(
            """g (float[300, 300] x) => (float[300, 300] y)
            <int64[2] shape = {300, 300}, float one = {1.5}>
            { big = Expand(one, shape)  y = Mul(x, big) }"""
        ),
    )
    assert "Expand" in ops(optimise(tool, source, "--only=fold_constants", "--max-growth=64k"))
    assert ops(optimise(tool, source, "--only=fold_constants", "--max-growth=1M")) == ["Mul"]


# --- output -----------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--external-data", "--external-data=w.bin"])
def test_external_data(tool, tmp_path, flag):
    model = weights()
    source, out = write(tmp_path / "in.onnx", model), tmp_path / "sub" / "out.onnx"
    out.parent.mkdir()
    tool.ok(source, out, "-q", flag)
    entry = onnx.load(out, load_external_data=False).graph.initializer[0]
    location = {e.key: e.value for e in entry.external_data}["location"]
    assert sorted(p.name for p in out.parent.iterdir()) == sorted(["out.onnx", location])
    assert flag in ("--external-data", f"--external-data={location}")
    onnx.checker.check_model(str(out))
    array = numpy_helper.to_array(onnx.load(out).graph.initializer[0])
    np.testing.assert_array_equal(array, numpy_helper.to_array(model.graph.initializer[0]))
    found = report(tool, source, tmp_path / "again.onnx", flag)
    assert found["bytes"]["after"] > found["bytes"]["before"] - 100


def test_external_data_by_itself(tool, tmp_path):
    source, out = write(tmp_path / "in.onnx", weights()), tmp_path / "out.onnx"
    tool.ok(source, out, "-q", "--inline-limit=1k")
    assert out.stat().st_size < 1024
    onnx.checker.check_model(str(out))
    assert len(onnx.load(out).graph.initializer[0].raw_data) == 65536


def test_external_data_is_read(tool, tmp_path):
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(weights(), source, save_as_external_data=True, location="w.bin", size_threshold=0)
    tool.ok(source, out, "-q")
    assert ops(onnx.load(out)) == ["Add"]
    onnx.checker.check_model(str(out))


def test_infer_shapes(tool, chain):
    model = optimise(tool, chain, "--infer-shapes", "--freeze=N=2")
    assert {v.name: dims(v) for v in model.graph.value_info} == {"b": [2, 4], "c": [2, 4]}
    out = chain.with_suffix(".out.onnx")
    again = optimise(tool, out, "--infer-shapes")
    assert again == model


def test_value_info_is_kept(tool, chain):
    model = optimise(tool, chain)
    assert "b" in names(model.graph.value_info)


# --- debugging --------------------------------------------------------------------------


def test_remarks(tool, chain):
    text = tool.ok(chain, "--remarks").stdout.decode()
    assert re.search(r"^fired .*'drop'", text, re.MULTILINE)
    kinds = {
        kind: {r["fired"] for r in report(tool, chain, f"--remarks={kind}", "--keep=a")["remarks"]}
        for kind in ("fired", "missed", "all")
    }
    assert kinds["fired"] <= {True} and kinds["missed"] == {False}
    assert kinds["all"] == kinds["fired"] | kinds["missed"]


def test_stats(tool, chain):
    text = tool.ok(chain, "--stats").stdout.decode()
    assert re.search(r"^rule +tried +fired +missed", text, re.MULTILINE)
    assert "tried" not in tool.ok(chain).stdout.decode()


def test_verify_each(tool, chain, conv):
    tool.ok(chain, "-q", "--verify-each")
    tool.ok(conv, "-q", "--verify-each")


def test_dumps(tool, chain):
    text = tool.ok(
        chain, "-q", "--dump-before=eliminate_identity_ops", "--dump-after=eliminate_identity_ops"
    ).stdout.decode()
    parts = re.split(r"^# (before|after).*\n", text, flags=re.MULTILINE)
    assert parts[1::2] == ["before", "after"]
    assert ops(onnx.parser.parse_model(parts[2])) == ["Identity", "Add", "Relu", "Add"]
    assert "Identity" not in ops(onnx.parser.parse_model(parts[4]))


def test_bisect_stops(tool, chain):
    assert report(tool, chain, "--bisect=0")["rewrites"] == 0
    assert report(tool, chain, "--bisect=1")["rewrites"] == 1
    assert ops(optimise(tool, chain, "--bisect", "0")) == ["Identity", "Add", "Relu", "Add"]


# --- ONNX Runtime -----------------------------------------------------------------------


def test_verify_flag(tool, conv, tmp_path, ort):
    out = tmp_path / "out.onnx"
    text = tool.ok(conv, out, "--verify=2", "--ort", ort).stdout.decode()
    assert "2 seeds" in text and "same" in text
    assert ops(onnx.load(out)) == ["Conv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["conv.onnx", "out.onnx"]
    found = report(tool, conv, "--verify", "--ort", ort)["verification"]
    assert found["passed"] and found["seeds"] == 3 and found["max_diff"] < 1e-5
    assert {r["level"] for r in found["rows"]} == {"default", "off"}
    assert {r["seed"] for r in found["rows"]} and {r["output"] for r in found["rows"]} == {"y"}


def test_verify_in_place_with_external_data(tool, tmp_path, ort):
    path = write(tmp_path / "m.onnx", weights())
    tool.ok(path, path, "-q", "--verify=1", "--external-data", "--ort", ort)
    assert len(onnx.load(path).graph.initializer[0].raw_data) == 65536
    assert len(list(tmp_path.iterdir())) == 2


def test_verify_failure_leaves_the_output(tool, tmp_path, ort):
    """What an unseeded random operator puts out differs from run to run."""
    source = write(tmp_path / "in.onnx", golden.parse_model(RANDOM))
    out = tmp_path / "out.onnx"
    out.write_bytes(b"old")
    done = tool(source, out, "-q", "--verify=1", "--ort", ort, "--json", tmp_path / "j.json")
    refused(done, VERIFY, "out.onnx")
    assert out.read_bytes() == b"old"
    assert not json.loads((tmp_path / "j.json").read_text())["verification"]["passed"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.onnx", "j.json", "out.onnx"]


def test_verify_with_freeze_and_cuts(tool, chain, ort):
    for flags in (["--freeze=N=2"], ["--outputs=c"], ["--inputs=b,other"], ["--input-shape=x:3,4"]):
        assert report(tool, chain, "--verify=1", "--ort", ort, *flags)["verification"]["passed"]


def test_verify_through_pipes(tool, chain, ort, tmp_path):
    done = tool.ok("-", "-", "-q", "--verify=1", "--ort", ort, stdin=chain.read_bytes())
    assert ops(onnx.load_from_string(done.stdout)) == ["Add", "Relu", "Add"]


def test_without_onnx_runtime(tool, chain, tmp_path):
    out = tmp_path / "out.onnx"
    refused(tool(chain, out, "-q", "--verify", "--ort=/nonexistent.so"), IO, "/nonexistent.so")
    assert not out.exists()


def test_verify_command(tool, conv, tmp_path, ort):
    other = onnx.load(conv)
    other.graph.initializer[0].float_data[0] += 1
    wrong = write(tmp_path / "wrong.onnx", other)
    assert b"same bits" in tool.ok("verify", conv, conv, "--ort", ort).stdout
    done = tool("verify", conv, wrong, "--ort", ort, "--json", tmp_path / "v.json")
    refused(done, VERIFY)
    assert b"DIFFERENT" in done.stdout
    found = json.loads((tmp_path / "v.json").read_text())
    assert not found["passed"] and found["max_diff"] > 0.01 and found["failure"]
    refused(tool("verify", conv, tmp_path / "none.onnx", "--ort", ort), IO, "none.onnx")


def test_bench_command(tool, conv, ort):
    flags = ["--runs=3", "--warmup=1", "--ort-level=off", "--threads=2", "--ort", ort]
    text = tool.ok("bench", conv, conv, *flags).stdout.decode()
    assert "median" in text and "as fast" in text
    found = report(tool, "bench", conv, conv, *flags)
    assert len(found["before"]["runs"]) == len(found["after"]["runs"]) == 3
    assert found["speedup_low"] <= found["speedup"] <= found["speedup_high"]
    assert found["threads"] == 2


def test_bisect_command(tool, conv, tmp_path, ort):
    """ONNX Runtime seeds a random operator by its place: removing a node before it shows."""
    assert b"the same after all" in tool.ok("bisect", conv, "--ort", ort).stdout
    model = golden.parse_model(RANDOM)
    model.graph.output[0].name = "out"
    model.graph.node.append(helper.make_node("Identity", ["y"], ["out"], "innocent"))
    source, found = write(tmp_path / "random.onnx", model), tmp_path / "found.json"
    done = tool("bisect", source, "--ort", ort, "--json", found)
    refused(done, VERIFY, "'out'")
    suspect = json.loads(found.read_text())
    assert suspect["pass"] == "eliminate_identity_ops" and "'a'" in suspect["node"]
    assert suspect["rewrites"] == 2 and b"--bisect=" in done.stdout


# --- commands ---------------------------------------------------------------------------


def test_attribution(tool, chain):
    found = report(tool, "attribution", chain)
    rows = {r["pass"]: r for r in found["rows"]}
    assert found["nodes"] == 4 and found["rows"][-1]["pass"] == "all"
    assert rows["eliminate_identity_ops"]["nodes"] == -1
    assert rows["eliminate_dead_nodes"]["nodes"] == rows["fold_constants"]["nodes"] == 0
    assert rows["all"]["nodes_after"] == 3
    text = tool.ok("attribution", chain, "--skip=fold_constants").stdout.decode()
    assert "fold_constants" not in text and "eliminate_identity_ops" in text


def test_attribution_counts_what_a_pass_orphans_and_nothing_else(tool, tmp_path):
    """The Constant goes with the Reshape that read it; the dead node was there before."""
    source = write(
        tmp_path / "in.onnx",
        golden.parse_model(
            """g (float[4] x) => (float[4] y)
            { s = Constant <value = int64[1] {4}> ()  r = Reshape(x, s)  y = Relu(r)
              dead = Neg(x) }"""
        ),
    )
    rows = {r["pass"]: r["nodes"] for r in report(tool, "attribution", source)["rows"]}
    assert rows["eliminate_identity_ops"] == -2
    assert rows["eliminate_dead_nodes"] == -1
    assert rows["all"] == -3


def test_inspect(tool, chain):
    text = tool.ok("inspect", chain).stdout.decode()
    for expected in ("float[N,4]", "opset 21", "4 nodes", "2 initializers", "Identity"):
        assert expected in text
    found = report(tool, "inspect", chain)
    assert found["nodes"] == 4 and found["initializer_bytes"] == 32 and found["parameters"] == 8
    assert found["inputs"][0] == {"name": "x", "type": "float[N,4]"}
    assert found["opsets"] == [{"domain": "", "version": 21}]


def test_print(tool, chain, conv):
    for source in (chain, conv):
        text = tool.ok("print", source, "--full").stdout.decode()
        assert onnx.parser.parse_model(text) == onnx.load(source)


def test_print_leaves_out_large_tensors(tool, tmp_path):
    source = write(tmp_path / "in.onnx", weights())
    short = tool.ok("print", source).stdout
    assert len(short) < 2000 < len(tool.ok("print", source, "--full").stdout)


def test_passes_command(tool, chain):
    text = tool.ok("passes").stdout.decode()
    ran = [p["name"] for p in report(tool, chain)["passes"]]
    listed = [line for line in text.splitlines() if line[0] != " "]
    assert [line.split()[0] for line in listed if "only if asked for" not in line] == ran
    rules = tool.ok("passes", "--verbose").stdout.decode()
    for rule in report(tool, chain)["rules"]:
        assert rule["rule"] in rules


# --- signals ----------------------------------------------------------------------------


def test_interrupt(tool, conv, tmp_path, ort):
    """The first interrupt cleans up what --verify wrote beside OUT; OUT is as it was."""
    out = tmp_path / "out" / "model.onnx"
    out.parent.mkdir()
    out.write_bytes(b"old")
    command = [tool.path, conv, out, "-q", "--verify=1000000", "--ort", ort]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    while len(list(out.parent.iterdir())) < 2 and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    message = running.communicate(timeout=60)[1]
    assert running.returncode == -signal.SIGINT
    assert message.startswith(b"onnxslim: error: cancelled during ") and message.count(b"\n") == 1
    assert [p.name for p in out.parent.iterdir()] == ["model.onnx"]
    assert out.read_bytes() == b"old"

"""`explain`: why nodes are still there."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import golden

MATMUL = """g (float[2, 3, 4] a, float[4, 5] w) => (float[2, 3, 5] y)
<float[5] b = {1, 2, 3, 4, 5}>
{ [product] p = MatMul(a, w)  [sum] y = Add(p, b) }"""

CONV = """g (float[1, 1, 4, 4] x, float[1, 2, 1, 1] f) => (float[1, 2, 4, 4] y, float[1, 2, 4, 4] c)
<float[2, 1, 1, 1] w = {1.5, -2.5}, float[2] k = {3, 4}, float[2, 1, 1] g = {3, 4}>
{ [conv] c = Conv(x, w)  [scale] y = Mul(c, g) }"""


def save(path: Path, model: str) -> Path:
    path.write_bytes(golden.parse_model(model).SerializeToString())
    return path


def explain(tool, path: Path, *flags: str) -> dict:
    return json.loads(tool.ok("explain", path, "-q", "--json", "-", *flags).stdout)


def said(found: dict, rule: str) -> list[dict]:
    return [r for r in found["refusals"] if r["rule"] == rule]


def text_of(tool, path: Path, *flags: str) -> str:
    return " ".join(tool.ok("explain", path, *flags).stdout.decode().split())


@pytest.fixture
def matmul(tmp_path) -> Path:
    return save(tmp_path / "matmul.onnx", MATMUL)


def test_one_guard(tool, matmul):
    (refusal,) = said(explain(tool, matmul), "matmul-add-to-gemm")
    assert refusal["reason"] == "an operand is not of rank 2"
    assert (refusal["guards"], refusal["off"], refusal["all_asked"]) == (1, False, True)
    assert refusal["pattern"] == "Add(MatMul:product(a, b), c)"
    assert refusal["nodes"] == ["Add 'sum'", "MatMul 'product'"]
    assert (refusal["node"], refusal["value"]) == ("Add 'sum'", "y")


def test_guards_are_counted(tool, tmp_path):
    """int32 is no type of Gemm, and the operands are not of rank 2."""
    path = save(tmp_path / "m.onnx", MATMUL.replace("float", "int32"))
    (refusal,) = said(explain(tool, path), "matmul-add-to-gemm")
    assert refusal["guards"] == 2


@pytest.mark.parametrize("name", ["product", "p", "sum", "y"])
def test_every_node_of_the_match_tells(tool, matmul, name):
    found = explain(tool, matmul, f"--node={name}")
    (node,) = found["nodes"]
    assert name in (node["value"], node["node"].split("'")[1])
    rules = {found["refusals"][i]["rule"] for i in node["refusals"]}
    assert "matmul-add-to-gemm" in rules
    assert "refused by one guard" in text_of(tool, matmul, "--node", name)


def test_another_reader_is_a_guard(tool, tmp_path):
    """The convolution's result is an output, too: all else of the rule matches."""
    path = save(tmp_path / "conv.onnx", CONV)
    (refusal,) = said(explain(tool, path, "--node=conv"), "conv-multiply")
    assert refusal["reason"] == "the result of Conv is an output of the graph"
    assert refusal["guards"] == 1 and refusal["all_asked"]
    only = save(tmp_path / "only.onnx", CONV.replace(", float[1, 2, 4, 4] c)", ")"))
    found = explain(tool, only)
    assert not said(found, "conv-multiply") and found["nodes_after"] == 1


def test_what_is_not_constant(tool, tmp_path):
    """Guards about a value that is not constant can't be asked, and count as refusing."""
    model = CONV.replace(", float[1, 2, 4, 4] c)", ")").replace("Mul(c, g)", "Mul(c, f)")
    (refusal,) = said(explain(tool, save(tmp_path / "m.onnx", model)), "conv-multiply")
    assert refusal["reason"] == "c is not constant"
    assert refusal["guards"] == 3 and not refusal["all_asked"]


def test_code_rules_tell_too(tool, tmp_path):
    """A rule that is no pattern reports the guard it stopped at."""
    path = save(
        tmp_path / "m.onnx", "g (float[N, 4] x, float[M, 4] z) => (float[N, 4] y) { y = Add(x, z) }"
    )
    before = json.loads(tool.ok(path, "-q", "--json", "-", "--remarks=missed").stdout)["remarks"]
    code = [r for r in explain(tool, path)["refusals"] if r["pattern"] and "(" not in r["rule"]]
    for remark in before:
        assert any(r["rule"] == remark["rule"] and r["reason"] == remark["text"] for r in code)


def test_a_pass_that_is_off(tool, tmp_path):
    model = '<ir_version: 11, opset_import: ["" : 24]>'
    path = tmp_path / "m.onnx"
    text = model + "g (float[3] x) => (float[3] y) { s = Sigmoid(x)  [swish] y = Mul(x, s) }"
    onnx.save(onnx.parser.parse_model(text), path)
    (refusal,) = said(explain(tool, path), "swish")
    assert refusal["off"] and refusal["guards"] == 0
    assert "--fuse=fuse_swish" in refusal["reason"]
    assert explain(tool, path, "--fuse=swish")["nodes_after"] == 1
    assert "would fire, but is off" in text_of(tool, path, "--node=swish")


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--exact", "it rounds, and --exact is on"),
        ("--skip=conv-multiply", "--skip leaves conv-multiply out"),
        ("--skip=fuse_conv_batchnorm", "--skip leaves fuse_conv_batchnorm out"),
        ("--passes=fold_constants", "is not among the passes that were chosen"),
    ],
)
def test_what_the_options_leave_out(tool, tmp_path, flag, reason):
    path = save(tmp_path / "m.onnx", CONV.replace(", float[1, 2, 4, 4] c)", ")"))
    (refusal,) = said(explain(tool, path, flag), "conv-multiply")
    assert refusal["off"] and refusal["guards"] == 0 and reason in refusal["reason"]


def test_a_run_that_stopped(tool, tmp_path):
    path = save(tmp_path / "m.onnx", CONV.replace(", float[1, 2, 4, 4] c)", ")"))
    (refusal,) = said(explain(tool, path, "--bisect=0"), "conv-multiply")
    assert refusal["off"] and "stopped" in refusal["reason"]


def test_nothing_matches(tool, tmp_path):
    path = save(
        tmp_path / "m.onnx",
        "g (float[3] x, float[3] z) => (float[3] y) { [wave] s = Sin(x)  [sub] y = Sub(s, z) }",
    )
    text = text_of(tool, path, "--node=sub")
    assert "no rule matches here" in text
    assert "patterns that start at this operator" in text and "Sub(MatMul:product(a, b), c)" in text
    assert "no pattern starts at this operator" in text_of(tool, path, "--node=wave")
    found = explain(tool, path, "--node=sub")
    assert {s["op"] for s in found["starts"]} == {"Sub"}
    assert "matmul-subtract-to-gemm" in {s["rule"] for s in found["starts"]}


def test_a_node_that_is_gone(tool, tmp_path):
    path = save(
        tmp_path / "m.onnx",
        "g (float[3] x) => (float[3] y) { [drop] a = Identity(x)  [act] y = Relu(a) }",
    )
    found = explain(tool, path, "--node=drop")
    (removed,) = found["removed"]
    assert not found["nodes"]
    assert (removed["node"], removed["value"]) == ("Identity 'drop'", "a")
    assert removed["pass"] == "eliminate_identity_ops" and "Identity 'drop'" in removed["at"]
    assert "is gone" in text_of(tool, path, "--node=drop")


def test_no_such_node(tool, matmul):
    done = tool("explain", matmul, "--node=nowhere")
    assert done.returncode == 1 and b"'nowhere'" in done.stderr


def test_summary(tool, matmul):
    found = explain(tool, matmul)
    assert found["asked"] is None
    model = onnx.load(matmul)
    assert {o["op_type"]: o["nodes"] for o in found["ops"]} == {"Add": 1, "MatMul": 1}
    assert len(found["nodes"]) == found["nodes_after"] == len(model.graph.node)
    for reason in found["reasons"]:
        same = [
            r
            for r in found["refusals"]
            if (r["rule"], r["off"]) == (reason["rule"], reason["off"])
            and (r["reason"] == reason["reason"] or "'" in r["reason"])
        ]
        assert reason["count"] <= len(same)
    counts = [(-r["close"], -r["count"]) for r in found["reasons"]]
    assert counts == sorted(counts)
    assert sum(r["count"] for r in found["reasons"]) == len(found["refusals"])
    assert "an operand is not of rank 2" in text_of(tool, matmul)


def test_bodies(tool, tmp_path):
    path = save(
        tmp_path / "m.onnx",
        """g (bool c, float[2, 3, 4] a, float[4, 5] w, float[5] b, float[2, 3, 5] o) => (float[2, 3, 5] y) {
  y = If (c) <
    then_branch = t () => (float[2, 3, 5] u) { [product] p = MatMul(a, w)  [sum] u = Add(p, b) },
    else_branch = e () => (float[2, 3, 5] z) { z = Neg(o) }>
}""",
    )
    found = explain(tool, path, "--node=sum")
    assert found["nodes"][0]["graph"].startswith("body then_branch of If")
    assert said(found, "matmul-add-to-gemm")


SOFTMAX = """<ir_version: 8, opset_import: ["" : 17]>
g (float[1, 2, 8, 4] q, float[1, 2, 4, 8] k, float[1, 2, 8, 4] v) => (float[1, 2, 8, 4] y)
<float s = {0.5}> {
  [scores] a = MatMul(q, k)
  [scaled] b = Mul(a, s)
  [weights] c = Softmax <axis = -1> (b)
  [result] y = MatMul(c, v)
}"""


@pytest.mark.parametrize("name", ["scores", "scaled", "weights", "result"])
def test_code_rules_name_what_they_recognised(tool, tmp_path, name):
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(SOFTMAX), path)
    (refusal,) = said(explain(tool, path, f"--node={name}"), "attention")
    assert "Attention needs opset 23" in refusal["reason"]
    assert {n.split("'")[1] for n in refusal["nodes"]} == {"scores", "scaled", "weights", "result"}
    assert not refusal["all_asked"]

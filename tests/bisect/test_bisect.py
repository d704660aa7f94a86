"""A wrong rule, which exists only in build/onnxslim-wrong, is found, named and shown by the smallest model."""

import json
from pathlib import Path

import onnx
import pytest

import golden
from tool import Tool

VERIFY = 3

CHAIN = """g (float[N, 4] x) => (float[N, 4] y, float[N, 4] z)
<float[4] b = {1, -2, 3, -4}, float[4] one = {1, 1, 1, 1}> {
  i = Identity (x)  j = Identity (i)  s = Sigmoid (j)  m = Mul (s, one)
  a = Add (m, b)  n = Neg (a)  [guilty] r = Relu (n)
  d = Identity (r)  t = Tanh (d)  u = Identity (t)  y = Add (u, x)
  k = Identity (y)  l = Abs (k)  z = Identity (l)
}"""

BODY = """g (float[N] x, bool c) => (float[N] y) {
  a = Identity (x)  s = Sigmoid (a)
  b = If (c) <
    then_branch = t () => (float[N] p) { n = Neg (s)  [guilty] r = Relu (n)  p = Exp (r) },
    else_branch = e () => (float[N] q) { i = Identity (s)  q = Abs (i) }
  >
  y = Add (b, x)
}"""


@pytest.fixture(scope="session")
def wrong(build) -> Tool:
    return Tool(build / "onnxslim-wrong")


def write(path: Path, text: str) -> Path:
    path.write_bytes(golden.parse_model(text).SerializeToString())
    return path


def test_the_rule_is_in_no_other_program(tool, wrong):
    assert "drop-negation" in wrong.ok("passes", "-v").stdout.decode()
    assert "drop-negation" not in tool.ok("passes", "-v").stdout.decode()


def test_verify_refuses_and_points_to_bisect(wrong, ort, tmp_path):
    source, out = write(tmp_path / "in.onnx", CHAIN), tmp_path / "out.onnx"
    done = wrong(source, out, "-q", "--verify", "--ort", ort)
    assert done.returncode == VERIFY and not out.exists()
    assert "bisect" in done.stderr.decode()


@pytest.mark.parametrize(
    ("text", "ops"), [(CHAIN, ["Neg", "Relu"]), (BODY, ["If"])], ids=["chain", "body"]
)
def test_bisect(wrong, ort, tmp_path, text, ops):
    source, out = write(tmp_path / "in.onnx", text), tmp_path / "small.onnx"
    report = tmp_path / "report.json"
    done = wrong("bisect", source, out, "--ort", ort, "--json", report)
    assert done.returncode == VERIFY
    found = json.loads(report.read_text())
    assert (found["pass"], found["rule"]) == ("wrong_pass", "drop-negation")
    assert "'guilty'" in found["node"] and 0 < found["number"] <= found["rewrites"]
    said = done.stdout.decode()
    assert "drop-negation" in said and "guilty" in said and "--only=wrong_pass" in said
    onnx.checker.check_model(str(out), full_check=True)
    small = onnx.load(out)
    assert [n.op_type for n in small.graph.node] == ops
    assert found["reproducer"] == str(out)
    alone = wrong(out, tmp_path / "no.onnx", "-q", "--verify", "--only=wrong_pass", "--ort", ort)
    assert alone.returncode == VERIFY
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.onnx", "report.json", "small.onnx"]


def test_nothing_to_find(tool, ort, tmp_path):
    source, out = write(tmp_path / "in.onnx", CHAIN), tmp_path / "small.onnx"
    done = tool.ok("bisect", source, out, "--ort", ort)
    assert "the outputs are the same" in done.stdout.decode() and not out.exists()

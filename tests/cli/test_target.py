"""--target: what the profiles do, what they list, and how it is reported."""

from __future__ import annotations

import json

import onnx
import onnx.parser
import pytest

USAGE, REFUSED = 1, 3
HEADER = '<ir_version: 10, opset_import: ["" : 23]>\n'
EINSUM = """g (float[1, 2, 3, 4] q, float[1, 2, 5, 4] k) => (float[1, 2, 3, 5] y)
{ y = Einsum <equation = "bhqd,bhkd->bhqk"> (q, k) }"""
UNSQUEEZE = "g (float[4] x) => (float[1, 4] y) { y = Unsqueeze <axes = [0]> (x) }"
CONV = """g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y, float[1, 1, 4, 4] z, float[1, 1, 4, 4] t)
<float[1, 1, 1, 1] w = {2}, float lo = {0}, float hi = {6}> {
  a = Conv (x, w)
  y = Relu (a)
  b = Conv (y, w)
  z = Clip (b, lo, hi)
  c = Conv (z, w)
  t = Sigmoid (c)
}"""


def model(tmp_path, text, name="in.onnx"):
    path = tmp_path / name
    onnx.save(onnx.parser.parse_model(text if text.startswith("<") else HEADER + text), path)
    return path


def judged(tool, path, target, *flags):
    """What inspect --target says: verdict, place and reason of each finding; the exit code agrees."""
    done = tool("inspect", path, "-q", "--json", "-", "--target", target, *flags)
    found = json.loads(done.stdout)
    assert done.returncode == (REFUSED if found["refused"] else 0), done.stderr.decode()
    counts = dict.fromkeys(("refused", "risky", "untried"), 0)
    for f in found["findings"]:
        counts[f["verdict"]] += 1
    assert counts == {v: found[v] for v in counts}
    return [(f["verdict"], f["where"], f["reason"]) for f in found["findings"]]


def ops(path):
    return sorted(n.op_type for n in onnx.load(path).graph.node)


# --- the tables -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "text", "verdict", "words"),
    [
        ("tflite", "(float[1, 3, 4, 4] x, float[2, 3, 1, 1] w) => (float[1, 2, 4, 4] y)"
         " { y = Conv (x, w) }", "refused", "'w' must be constant"),
        ("tflite", "(float[4] x, float[4] z) => (float[4] y) { y = Mod <fmod = 1> (x, z) }",
         "refused", "fmod=1"),
        ("tflite", "(float[4] x) => (float[4] y) { y = Elu <alpha = 2.0> (x) }", "risky", "alpha"),
        ("tflite", '(float[4] x) => (float[4] y) { y = Gelu <approximate = "tanh"> (x) }',
         "risky", "tanh"),
        ("tflite", "(bool[4] c, float[4] x, float[4] z) => (float[4] y) { y = Where (c, x, z) }",
         "risky", "NaN"),
        ("tflite", "(float[2, 3] x) => (float[2] y) { y = Einsum <equation = \"ij->i\"> (x) }",
         "refused", "two operands"),
        ("tflite", "(float[2, 3] x) => (float[2, 3] y) { y = LpNormalization <axis = 0> (x) }",
         "refused", "last axis"),
        ("tflite", "(float[1, 1, 5, 5] x) => (float[1, 1, 3, 3] y)"
         " { y = MaxPool <kernel_shape = [2, 2], dilations = [2, 2]> (x) }", "refused", "dilations"),
        ("tflite", "(float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y, int64[1, 1, 1, 1] i)"
         " { y, i = MaxPool <kernel_shape = [2, 2]> (x) }", "refused", "second output"),
        ("tflite", "(float[1, 2, 3, 4] x) => (float[1, 2, 3, 4] y) { y = Attention (x, x, x) }",
         "refused", "custom operator"),
        ("tflite", "(double[4] x) => (double[4] y) { y = Neg (x) }", "refused", "double"),
        ("tflite", "(float[4] x, float s) => (uint8[4] y) { y = QuantizeLinear (x, s) }", None, None),
        ("tflite", "(float[2, 2] x, float[2] s) => (uint8[2, 2] y) { y = QuantizeLinear (x, s) }",
         "refused", "one scale"),
        ("tflite", "(int64 x) => (float[?] y) { y = HannWindow (x) }", "untried", "nobody"),
        ("tflite", "(float[N, 4] x) => (float[N, 4] y) { y = Neg (x) }", "refused", "dim 0 (N)"),
        ("coreml", "(float[?, 4] x) => (float[?, 4] y) { y = Neg (x) }", "refused", "dim 0"),
        ("coreml", "(float[1, 1, 1, 1, 1, 2] x) => (float[1, 1, 1, 1, 1, 2] y) { y = Neg (x) }",
         "refused", "rank 6"),
        ("coreml", "(float[4] x) => (float[4] y) { y = Mish (x) }", "refused", "no lowering"),
        ("coreml", "(float x) => (float y) { y = Neg (x) }", "refused", "scalar"),
        ("coreml", "(int8[4] x) => (int8[4] y) { y = Neg (x) }", "refused", "int8"),
        ("coreml", "(float[2, 6] x, int64[2] s) => (float[?, ?] y) { y = Reshape (x, s) }",
         "refused", "'s' must be constant"),
        ("coreml", "(float16[2, 2] x) => (float16[2, 2] y) <float16[2] s = {1, 1}>"
         " { y = LayerNormalization (x, s) }", "refused", "float"),
        ("coreml", "(float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) <float[4] s = {1, 1, 2, 2}>"
         " { y = Resize <mode = \"cubic\"> (x, , s) }", "refused", "cubic"),
        ("ort", "(double[4] x) => (double[4] y) { y = HardSigmoid (x) }", "refused", "double"),
        (
            "ort",
            "(float[1, 1, 4, 4] x, float[1, 4] r, int64[1] i) => (float[1, 1, 1, 1] y)"
            " { y = RoiAlign (x, r, i) }",
            "refused",
            "no kernel for version 22",
        ),
        ("ort", "(float[4] x) => (float[4] y) { y = Mish (x) }", None, None),
        ("ort", "(float[N, 4] x) => (float[N, 4] y) { y = Neg (x) }", None, None),
    ],
)  # fmt: skip
def test_verdict(tool, tmp_path, target, text, verdict, words):
    found = judged(tool, model(tmp_path, "g " + text), target)
    assert {v for v, _, _ in found} == ({verdict} if verdict else set())
    if words:
        assert any(words in reason for _, _, reason in found), found


def test_views_may_have_more_axes(tool, tmp_path):
    path = model(
        tmp_path,
        """g (float[4, 8] x) => (float[4, 8] y)
        <int64[6] s = {2, 2, 1, 2, 2, 2}, int64[2] t = {4, 8}> {
          a = Reshape (x, s)
          b = Transpose <perm = [0, 3, 1, 4, 2, 5]> (a)
          y = Reshape (b, t)
        }""",
    )
    assert judged(tool, path, "coreml") == []


def test_other_domains_and_functions(tool, tmp_path):
    path = model(
        tmp_path,
        """<ir_version: 10, opset_import: ["" : 21, "mine" : 1, "f" : 1]>
        g (float[4] x) => (float[4] y) { a = mine.Thing (x)  y = f.twice (a) }
        <domain: "f", opset_import: ["" : 21]> twice (p) => (q) { q = Add (p, p) }""",
    )
    for target in ("ort", "tflite", "coreml"):
        verdicts = [v for v, _, _ in judged(tool, path, target)]
        assert verdicts == ["refused", "untried"]


def test_old_definitions(tool, tmp_path):
    """The converter to Core ML turns attributes that are inputs today into what it then refuses."""
    path, out = model(tmp_path, HEADER.replace("23", "12") + UNSQUEEZE), tmp_path / "out.onnx"
    [(verdict, where, reason)] = judged(tool, path, "coreml")
    assert (verdict, where) == ("refused", "Unsqueeze producing 'y'") and "--opset=13" in reason
    tool.ok(path, out, "-q", "--target=coreml", "--opset=13")
    assert judged(tool, out, "coreml") == []


# --- the profiles -----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["tflite", "coreml"])
def test_takes_einsum_apart(tool, tmp_path, target):
    path, out = model(tmp_path, EINSUM), tmp_path / "out.onnx"
    tool.ok(path, out, "-q", "--target", target)
    assert ops(out) == ["MatMul", "Transpose"]
    tool.ok(path, out, "-q", "--target=ort")
    assert ops(out) == ["Einsum"]


def test_profile_gives_way_to_the_user(tool, tmp_path):
    path, out = model(tmp_path, EINSUM), tmp_path / "out.onnx"
    for flags in (["--skip=einsum_to_matmul"], ["--only=eliminate_dead_nodes"]):
        tool.ok(path, out, "-q", "--target=tflite", *flags)
        assert ops(out) == ["Einsum"]


def test_needs_sizes(tool, tmp_path):
    path = model(tmp_path, "g (float[batch, ?, 4] x) => (float[batch, ?, 4] y) { y = Neg (x) }")
    out = tmp_path / "out.onnx"
    for target in ("tflite", "coreml"):
        done = tool(path, out, "--target", target)
        assert done.returncode == USAGE and not out.exists()
        for word in (f"target {target}", "dim 0 (batch), dim 1", "input 'x'", "freeze"):
            assert word in done.stderr.decode()
        tool.ok(path, tmp_path / "frozen.onnx", "-q", "--target", target, "--freeze-all=2")
    tool.ok(path, out, "-q", "--target=ort")


def test_result_is_judged_and_written(tool, tmp_path):
    path = model(tmp_path, "g (float[4] x) => (float[4] y) { a = Identity (x)  y = Mish (a) }")
    out = tmp_path / "out.onnx"
    text = tool.ok(path, out, "--target=coreml").stdout.decode()
    assert "coreml (onnx2coreml 1.1.0): 1 refused, 0 risky, 0 untried" in text
    assert "refused Mish producing 'y': the converter has no lowering for it" in text
    assert ops(out) == ["Mish"]
    found = json.loads(tool.ok(path, "-q", "--json", "-", "--target=coreml").stdout)
    assert found["target"]["refused"] == 1 and len(found["target"]["findings"]) == 1
    assert "target" not in json.loads(tool.ok(path, "-q", "--json", "-").stdout)


def test_no_rule_makes_what_core_ml_refuses(tool, tmp_path):
    """A sum over a stack stays one: Sum has no lowering."""
    path, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    text = """g (float[4] a, float[4] b, float[4] c) => (float[4] y)
    <int64[1] zero = {0}> {
      p = Unsqueeze (a, zero)
      q = Unsqueeze (b, zero)
      r = Unsqueeze (c, zero)
      s = Concat <axis = 0> (p, q, r)
      y = ReduceSum <keepdims = 0> (s, zero)
    }"""
    path = model(tmp_path, text)
    tool.ok(path, out, "-q", "--target=coreml")
    assert "Sum" not in ops(out) and judged(tool, out, "coreml") == []
    tool.ok(path, out, "-q", "--target=tflite")
    assert ops(out) == ["Sum"]


# --- convolutions and activations -------------------------------------------------------


def test_pairs_that_the_converter_fuses(tool, tmp_path):
    path, out = model(tmp_path, CONV), tmp_path / "out.onnx"
    found = json.loads(tool.ok(path, out, "-q", "--json", "-", "--target=tflite").stdout)["target"]
    assert [p["becomes"] for p in found["pairs"]] == ["CONV_2D with RELU", "CONV_2D with RELU6"]
    assert ops(out) == ops(path)
    text = tool.ok("inspect", path, "--target=tflite", "-v").stdout.decode()
    assert "2 convolutions take their activation in" in text
    assert "fused Conv producing 'a', Relu producing 'y': CONV_2D with RELU\n" in text
    for target in ("coreml", "ort"):
        found = json.loads(tool.ok(path, "-q", "--json", "-", "--target", target).stdout)
        assert found["target"]["pairs"] == []


def test_contributed_operators(tool, tmp_path):
    path, out = model(tmp_path, CONV), tmp_path / "out.onnx"
    tool.ok(path, out, "-q", "--target=ort", "--allow-contrib")
    assert ops(out) == ["FusedConv"] * 3
    assert judged(tool, out, "ort") == []
    assert [v for v, _, _ in judged(tool, out, "coreml")] == ["refused"] * 3


def test_contributed_operators_need_their_target(tool, tmp_path):
    path = model(tmp_path, CONV)
    for flags in ([], ["--target=tflite"], ["--target=coreml"]):
        done = tool(path, tmp_path / "out.onnx", "-q", "--allow-contrib", *flags)
        assert done.returncode == USAGE
        assert b"needs a target with operators of its own: ort" in done.stderr


def test_attribution_tells_them_apart(tool, tmp_path):
    path = model(tmp_path, CONV)
    rows = json.loads(tool.ok("attribution", path, "-q", "--json", "-").stdout)["rows"]
    found = {r["flags"]: r for r in rows if r["pass"] == "fuse_conv_relu"}
    assert list(found) == [
        None,
        "--target=ort --allow-contrib",
        "--target=tflite",
        "--target=coreml",
    ]
    assert found["--target=ort --allow-contrib"]["nodes"] == -3
    assert found["--target=tflite"]["pairs"] == 2 and found["--target=tflite"]["nodes"] == 0
    assert found["--target=coreml"]["pairs"] == found[None]["pairs"] == 0
    assert all(v is not None for r in rows for k, v in r.items() if k != "flags")

"""Models that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

import golden
import stacks

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests" / "golden").rglob("*.txt"))


CNN = """g (float[N, 2, 6, 6] x) => (float[N, 3] y)
<float[4, 2, 3, 3] w = {{weights}}, float[4] scale = {1.5, 0.5, 2, 1}, float[4] bias = {0, 1, 2, 3},
 float[4] mean = {0.1, 0.2, 0.3, 0.4}, float[4] var = {1, 2, 3, 4}, float[4, 3] v = {{matrix}}, float[3] b = {1, 2, 3}>
{
  c = Conv <pads = [1, 1, 1, 1]> (x, w)
  n = BatchNormalization (c, scale, bias, mean, var)
  r = Relu (n)
  p = GlobalAveragePool (r)
  s = Shape (p)
  zero = Constant <value = int64 {0}> ()
  batch = Gather (s, zero)
  axes = Constant <value = int64[1] {0}> ()
  one = Unsqueeze (batch, axes)
  rest = Constant <value = int64[1] {-1}> ()
  target = Concat <axis = 0> (one, rest)
  f = Reshape (p, target)
  t = Transpose <perm = [1, 0]> (f)
  u = Transpose <perm = [1, 0]> (t)
  m = MatMul (u, v)
  y = Add (m, b)
}"""

CONTROL = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
g (float[N] x, bool flag, int64 trips) => (float[N] y, float[N] z) <float one = {1}> {
  a = Identity (x)
  c = If (flag) <
    then_branch = yes () => (float[N] t) { k = Identity (a)  t = Add (k, one) },
    else_branch = no () => (float[N] e) { q = local.twice (a)  e = Neg (q) }
  >
  go = Constant <value = bool {1}> ()
  y, z = Loop (trips, go, c, a) <
    body = b (int64 i, bool more, float[N] s, float[N] u) => (bool on, float[N] s2, float[N] u2) {
      on = Identity (more)  d = Identity (s)  s2 = Add (d, a)  u2 = Mul (u, one)
    }
  >
}
<domain: "local", opset_import: ["" : 21]>
twice (v) => (w) { i = Identity (v)  w = Add (i, i) }"""


def numbers(count: int) -> str:
    return ", ".join(str(i % 7 - 2.5) for i in range(count))


@pytest.fixture(scope="session")
def three(tmp_path_factory) -> list[Path]:
    """A small CNN, a transformer layer, a model with If, Loop and a function."""
    folder = tmp_path_factory.mktemp("three")
    texts = {
        "cnn": CNN.replace("{{weights}}", "{" + numbers(72) + "}").replace(
            "{{matrix}}", "{" + numbers(12) + "}"
        ),
        "control": CONTROL,
    }
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.onnx")
        paths[-1].write_bytes(golden.parse_model(text).SerializeToString())
    paths.append(folder / "transformer.onnx")
    stacks.write(paths[-1], "transformer", 1)
    return paths


@pytest.fixture(scope="session")
def goldens(tmp_path_factory) -> list[Path]:
    """The models of the golden cases."""
    folder = tmp_path_factory.mktemp("goldens")
    paths = []
    for case in GOLDEN:
        path = folder / f"{case.parent.name}.{case.stem}.onnx"
        path.write_bytes(golden.parse_case(case).model.SerializeToString())
        paths.append(path)
    return paths

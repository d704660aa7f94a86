"""Malformed models that `make robust` once found to crash: now an error or a valid result."""

from __future__ import annotations

import onnx
import pytest
from onnx import parser

HEAD = '<ir_version: 10, opset_import: ["" : 21]>'
FOUND = {
    "an Einsum whose label has two sizes": """
        g (float[I, 3] a, float[3, 4] b, float[4, L] c) => (float[I, L] y) {
          y = Einsum <equation = "ik,jk,kl->il"> (a, b, c)
        }""",
    "a Loop whose carried value starts as nothing": """
        g (int64 n, bool go, float[2] x) => (float[2] y) {
          unused, y = Loop (n, go, , x) <body = b (int64 i, bool more, float[2] p, float[2] v) =>
              (bool more_out, float[2] p_out, float[2] v_out) {
            more_out = Identity (more)
            p_out = Identity (p)
            v_out = Neg (v)
          }>
        }""",
    "a Split whose parts are together longer than a number": """
        g (float[9223372036854775807] x) => (float[N] y) {
          sizes = Constant <value_ints = [9223372036854775807, 9223372036854775807, 1]> ()
          a, b, c = Split <axis = 0> (x, sizes)
          y = Concat <axis = 0> (a, b, c)
        }""",
    "a Slice of a Slice whose steps multiply to more than a number": """
        g (float[1, 9223372036854775807] x) => (float[1, M] y) {
          from = Constant <value_ints = [9223372036854775805]> ()
          to = Constant <value_ints = [9223372036854775807]> ()
          last = Constant <value_ints = [1]> ()
          step = Constant <value_ints = [4611686018427387904]> ()
          s = Slice (x, from, to, last, step)
          t = Slice (s, from, to, last, step)
          u = Neg (t)
          y = Concat <axis = 1> (u, t)
        }""",
}

FLAGS = ("--opset=max",)  # which lets the passes run that make newer operators


@pytest.mark.parametrize("name", FOUND)
def test_found(tool, tmp_path, name):
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(parser.parse_model(HEAD + FOUND[name]), source)
    done = tool(source, out, *FLAGS)
    assert done.returncode in (0, 2), done.stderr
    assert out.exists() == (done.returncode == 0)

"""Bodies of If, Loop and Scan: values they capture, names they hide, bodies in bodies."""

from __future__ import annotations

import numpy as np

IF = """g (bool c, float[N] x) => (float[N] y) {
  a = Identity (x)
  used_in_bodies = Relu (a)
  d = If (c) <
    then_branch = yes () => (float[N] t) { k = Identity (used_in_bodies)  t = Add (k, a) },
    else_branch = no () => (float[N] e) { e = Neg (used_in_bodies) }
  >
  y = Identity (d)
}"""

SIBLINGS = """g (bool c, float[N] x) => (float[N] y, float[N] z) {
  s = Relu (x)
  y = If (c) <
    then_branch = yes () => (float[N] s2) { t = Identity (s)  s2 = Neg (t) },
    else_branch = no () => (float[N] e) { t = Neg (x)  u = Identity (t)  e = Abs (u) }
  >
  r = Sqrt (s)
  z = Identity (r)
}"""

HIDDEN = """g (bool c, float[N] x) => (float[N] y, float[N] z) {
  s = Relu (x)
  z = Sqrt (s)
  y = If (c) <
    then_branch = yes () => (float[N] t) { s = Neg (x)  i = Identity (s)  t = Exp (i) },
    else_branch = no () => (float[N] e) { i = Identity (s)  e = Abs (i) }
  >
}"""

NESTED = """g (bool c, bool d, float[N] x) => (float[N] y) {
  outer = Relu (x)
  i = Identity (outer)
  y = If (c) <
    then_branch = yes () => (float[N] t) {
      middle = Exp (i)
      t = If (d) <
        then_branch = yes2 () => (float[N] tt) { a = Identity (middle)  b = Identity (i)  tt = Add (a, b) },
        else_branch = no2 () => (float[N] te) { b = Identity (middle)  te = Identity (b) }
      >
    },
    else_branch = no () => (float[N] e) { e = Identity (i) }
  >
}"""

LOOP = """g (int64 n, bool c, float[2] x) => (float[2] last, float[K, 2] all) {
  captured = Relu (x)
  last, all = Loop (n, c, x) <
    body = step (int64 i, bool go, float[2] state) => (bool more, float[2] next, float[2] each) {
      more = Identity (go)
      s = Identity (state)
      one = Identity (captured)
      next = Add (s, one)
      each = Mul (next, captured)
    }
  >
}"""

SCAN = """g (float[2] init, float[T, 2] xs) => (float[2] last, float[T, 2] all) {
  scale = Exp (init)
  last, all = Scan <num_scan_inputs = 1,
    body = step (float[2] state, float[2] x) => (float[2] next, float[2] each) {
      p = Identity (x)
      q = Mul (p, scale)
      next = Add (state, q)
      each = Identity (next)
    }
  > (init, xs)
}"""


def test_branches_read_outer_values(optimise):
    for c in (True, False):
        assert "Identity" not in optimise(IF, feeds={"c": np.array(c)}).ops


def test_equal_names_in_two_branches_stay_apart(optimise):
    for c in (True, False):
        assert "Identity" not in optimise(SIBLINGS, feeds={"c": np.array(c)}).ops


def test_names_that_hide_outer_ones(optimise):
    """The specification forbids it and ONNX Runtime refuses it; some exporters do it all the same."""
    done = optimise(HIDDEN, valid=False, runs=False)
    then, other = (a.g for a in done.model.graph.node[2].attribute)
    assert [n.op_type for n in then.node] == ["Neg", "Exp"]
    assert list(then.node[1].input) == list(then.node[0].output) == ["s"]
    assert list(other.node[0].input) == ["s"]


def test_bodies_in_bodies(optimise):
    for c, d in ((True, True), (True, False), (False, False)):
        done = optimise(NESTED, feeds={"c": np.array(c), "d": np.array(d)})
        assert done.ops.count("Identity") <= 2  # a branch may not hand on an outer value itself


def test_loop_captures(optimise):
    feeds = {"n": np.array(4), "c": np.array(True)}
    assert optimise(LOOP, feeds=feeds).ops.count("Identity") <= 1  # the condition


def test_scan_captures(optimise):
    done = optimise(SCAN)
    assert done.ops.count("Identity") <= 1  # one value is two outputs

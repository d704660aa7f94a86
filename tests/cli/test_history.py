"""--history: both graphs and the steps between them, as JSON."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden
import history

CHAIN = """g (float[N, 4] x) => (float[N, 4] y)
<float[4] w = {1, 2, 3, 4}, float[4] unused = {5, 6, 7, 8}>
{ [drop] a = Identity(x)  [plus] b = Add(a, w)  [act] c = Relu(b)  [again] y = Relu(c) }"""

BRANCHES = """g (bool c, float[2] x) => (float[2] y)
{ [keep] k = Identity(x)
  [choose] y = If (c) <then_branch = t () => (float[2] p) { [one] o = Identity(k)  [neg] p = Neg(o) },
                       else_branch = e () => (float[2] q) { [abs] q = Abs(k) }> }"""

CALL = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
g (float[2] x) => (float[2] y) { [call] y = local.twice(x) }
<domain: "local", opset_import: ["" : 18]> twice (a) => (b) { [double] b = Add(a, a) }"""

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\N{GRINNING FACE} <!--",
    "\u202eevil\u202c",
    "x" * 10_000,
)


@pytest.fixture
def save(tmp_path):
    """Write a model, given as text or as a proto."""

    def write(model: str | onnx.ModelProto):
        proto = golden.parse_model(model) if isinstance(model, str) else model
        path = tmp_path / "in.onnx"
        path.write_bytes(proto.SerializeToString(deterministic=True))
        return path

    return write


def named(graph: dict) -> dict[str, dict]:
    return {n["name"]: n for n in graph["nodes"]}


def test_what_became_of_each_node(tool, save):
    found = history.report(tool, save(CHAIN))
    before, after = named(found["history"]["before"]), named(found["history"]["after"])
    assert set(before) == {"drop", "plus", "act", "again"}
    assert before["plus"]["id"] == after["plus"]["id"]
    step = next(
        s for s in found["history"]["rewrites"] if before["drop"]["id"] in s.get("removed", ())
    )
    assert step["pass"] == "eliminate_identity_ops"
    assert step["node"] == "Identity 'drop'"
    assert before["plus"]["id"] in step["changed"]
    known = next(p for p in found["known"] if p["name"] == step["pass"])
    assert next(r for r in known["rules"] if r["name"] == step["rule"])["bitwise"] is True


def test_types_of_values_and_sizes_of_constants(tool, save):
    graph = history.report(tool, save(CHAIN))["history"]["before"]
    types = {v["name"]: v.get("type") for v in graph["values"]}
    assert types["b"] == "float[N,4]"
    names = {v["id"]: v["name"] for v in graph["values"]}
    assert {names[c["value"]]: c["bytes"] for c in graph["constants"]} == {"w": 16, "unused": 16}


def test_bodies(tool, save):
    graph = history.report(tool, save(BRANCHES))["history"]["before"]
    kinds = [(g["kind"], g.get("attribute")) for g in graph["graphs"]]
    assert kinds == [("model", None), ("body", "then_branch"), ("body", "else_branch")]
    nodes = named(graph)
    assert graph["graphs"][1]["owner"] == nodes["choose"]["id"]
    assert [nodes[n].get("graph", 0) for n in ("keep", "choose", "neg", "abs")] == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("flags", "step"),
    [(["--inline-functions"], "inline"), (["--outputs=b"], "extract"), (["--opset=max"], "lift")],
)
def test_phases_are_steps(tool, save, flags, step):
    model = CALL if step == "inline" else CHAIN
    if step == "lift":
        proto = golden.parse_model(CHAIN)
        softmax = helper.make_node("Softmax", ["y"], ["z"], name="soft", axis=0)
        proto.graph.node.append(softmax)
        proto.graph.output[0].name = "z"
        proto.opset_import[0].version = 11
        model = proto
    found = history.report(tool, save(model), *flags)
    assert any(s["pass"] == step for s in found["history"]["rewrites"]) == (
        step != "lift" or lifts(found)
    )


def lifts(found: dict) -> bool:
    """Lifting may also change a node in place, which is no step."""
    before, after = (history.ids(found["history"][k]) for k in ("before", "after"))
    return bool(after - before)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_valid_json(tool, save, name):
    node = helper.make_node("Relu", ["x"], ["y"], name=name, doc=name, domain="custom.</script>")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [name[:100], 2]) for n in "xy")
    model = helper.make_model(
        helper.make_graph([node], name, [x], [y]),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("custom.</script>", 1)],
    )
    graph = history.report(tool, save(model))["history"]["after"]
    assert graph["nodes"][0]["name"] == name
    assert graph["nodes"][0]["attrs"]["doc"].strip('"\N{HORIZONTAL ELLIPSIS}') in name


def test_a_name_that_is_no_text(tool, tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"], name="caf@")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy")
    data = helper.make_model(helper.make_graph([node], "g", [x], [y])).SerializeToString()
    path = tmp_path / "in.onnx"
    path.write_bytes(data.replace(b"caf@", b"caf\xe9"))
    assert (
        history.report(tool, path)["history"]["after"]["nodes"][0]["name"]
        == "caf\N{REPLACEMENT CHARACTER}"
    )


def test_no_weights_and_the_same_model(tool, save, tmp_path):
    weight = np.full((64, 64), 1.2345678, np.float32)
    model = golden.parse_model("g (float[2, 64] x) => (float[2, 64] y) { [m] y = MatMul(x, w) }")
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    path = save(model)
    tool.ok(path, tmp_path / "plain.onnx", "-q")
    done = tool.ok(path, tmp_path / "recorded.onnx", "-q", "--history", "--json=-")
    assert (tmp_path / "plain.onnx").read_bytes() == (tmp_path / "recorded.onnx").read_bytes()
    assert b"1.2345" not in done.stdout
    assert b"history" not in tool.ok(path, "-q", "--json=-").stdout

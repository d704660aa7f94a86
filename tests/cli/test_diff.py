"""`diff A B`, judged by what the onnx package says of both models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import helper, numpy_helper

import golden

MODEL = """g (float[N, 4] x, float[N, 4] other) => (float[N, 4] y)
<float[4] w = {1, 2, 3, 4}, int64[2] s = {-1, 4}>
{ [drop] a = Identity(x)  [plus] b = Add(a, w)  [soft] c = Softmax <axis = 1> (b)
  [sum] d = Add(c, other)  [view] y = Reshape(d, s) }"""

IF = """g (bool c, float[3] x) => (float[3] y) {
  [choose] y = If (c) <
    then_branch = t () => (float[3] u) { [keep] v = Relu(x)  [last] u = Abs(v) },
    else_branch = e () => (float[3] z) { [other] z = Neg(x) }>
}"""

FUNCTION = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
g (float[3] x) => (float[3] y) { [call] y = local.twice(x) }
<domain: "local", opset_import: ["" : 21]>
twice (a) => (b) { [first] t = Relu(a)  [second] b = Add(t, t) }"""


def save(path: Path, model: onnx.ModelProto | str) -> Path:
    model = golden.parse_model(model) if isinstance(model, str) else model
    path.write_bytes(model.SerializeToString())
    return path


def diff(tool, a: Path, b: Path) -> dict:
    return json.loads(tool.ok("diff", a, b, "-q", "--json", "-").stdout)


def nodes_of(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All nodes, those of bodies and functions too."""

    def walk(nodes):
        for n in nodes:
            yield n
            for a in n.attribute:
                for g in [a.g] if a.type == onnx.AttributeProto.GRAPH else a.graphs:
                    yield from walk(g.node)

    return [*walk(model.graph.node), *(n for f in model.functions for n in walk(f.node))]


def check_facts(found: dict, a: Path, b: Path) -> None:
    """What holds of every pair of models."""
    models = {"before": onnx.load(a), "after": onnx.load(b)}
    for side, model in models.items():
        counts = Counter((n.domain, n.op_type) for n in nodes_of(model))
        assert {(o["domain"], o["op_type"]): o[side] for o in found["ops"] if o[side]} == counts
        outputs = Counter(next(filter(None, n.output), None) for n in nodes_of(model))
        rows = [n for n in found["nodes"] if n[side]]
        assert Counter(n[f"{side}_value"] for n in rows) == outputs
        ops = Counter(n[f"{side}_op"] for n in rows)
        assert ops == Counter(
            "::".join(filter(None, (n.domain, n.op_type))) for n in nodes_of(model)
        )
        assert found[side]["initializers"] == len(model.graph.initializer)
        assert found[side]["bytes"] == (a if side == "before" else b).stat().st_size
    fates = Counter(n["fate"] for n in found["nodes"])
    assert {f: found[f] for f in ("kept", "changed", "gone", "new")} == {
        f: fates[f] for f in ("kept", "changed", "gone", "new")
    }
    for n in found["nodes"]:
        assert (n["before"] is None) == (n["fate"] == "new")
        assert (n["after"] is None) == (n["fate"] == "gone")
        assert bool(n["changes"]) == (n["fate"] == "changed")


def fates(found: dict) -> dict[str, str]:
    """Fate by the value that the node computes, before or else after."""
    return {n["before_value"] or n["after_value"]: n["fate"] for n in found["nodes"]}


def changes(found: dict, value: str) -> dict[str, tuple]:
    (node,) = (n for n in found["nodes"] if n["after_value"] == value)
    return {c["what"]: (c["before"], c["after"]) for c in node["changes"]}


@pytest.fixture
def base(tmp_path) -> Path:
    return save(tmp_path / "a.onnx", MODEL)


def test_same(tool, base):
    found = diff(tool, base, base)
    check_facts(found, base, base)
    assert found["kept"] == len(found["nodes"]) == 5
    assert {n["matched"] for n in found["nodes"]} == {"name"}
    text = tool.ok("diff", base, base).stdout.decode()
    assert "5 kept, 0 changed, 0 gone, 0 new" in text and "inputs and outputs are the same" in text


def test_optimized(tool, base, tmp_path):
    out = tmp_path / "out.onnx"
    tool.ok(base, out, "-q")
    found = diff(tool, base, out)
    check_facts(found, base, out)
    assert fates(found)["a"] == "gone"
    assert changes(found, "b")["input 0"] == ("a", "x")
    assert "gone" in tool.ok("diff", base, out).stdout.decode()


def edited(base: Path, to: Path, edit) -> Path:
    model = onnx.load(base)
    edit(model)
    return save(to, model)


def test_attribute(tool, base, tmp_path):
    def edit(m):
        m.graph.node[2].attribute[0].i = 0

    other = edited(base, tmp_path / "b.onnx", edit)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert changes(found, "c") == {"attribute axis": ("1", "0")}
    assert found["kept"] == 4


def test_a_default_written_out_is_no_change(tool, base, tmp_path):
    def edit(m):
        m.graph.node[4].attribute.append(helper.make_attribute("allowzero", 0))

    assert diff(tool, base, edited(base, tmp_path / "b.onnx", edit))["kept"] == 5


def test_constants(tool, base, tmp_path):
    """Other elements are a change, another name is none."""

    def edit(m):
        w, s = m.graph.initializer
        m.graph.node[1].input[1] = w.name = "renamed"
        s.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(s)[::-1].copy(), "s"))

    other = edited(base, tmp_path / "b.onnx", edit)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert changes(found, "y") == {"input 1": ("s = int64[2] {-1, 4}", "s = int64[2] {4, -1}")}
    assert fates(found)["b"] == "kept"


def test_operator(tool, base, tmp_path):
    """The same value, computed by another operator."""

    def edit(m):
        m.graph.node[3].op_type = "Mul"

    other = edited(base, tmp_path / "b.onnx", edit)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert changes(found, "d") == {"operator": ("Add", "Mul")}


def test_inputs_and_opsets(tool, base, tmp_path):
    def edit(m):
        m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
        m.opset_import[0].version = 22
        m.opset_import.append(helper.make_opsetid("com.example", 3))
        m.graph.output.append(helper.make_tensor_value_info("c", 1, [None, 4]))

    other = edited(base, tmp_path / "b.onnx", edit)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert [(v["fate"], v["before_type"], v["after_type"]) for v in found["inputs"]] == [
        ("changed", "float[N,4]", "float[2,4]"),
        ("kept", "float[N,4]", "float[N,4]"),
    ]
    assert [(v["fate"], v["after"]) for v in found["outputs"]] == [("kept", "y"), ("new", "c")]
    assert {(o["domain"], o["before"], o["after"]) for o in found["opsets"]} == {
        ("", 21, 22),
        ("com.example", 0, 3),
    }


def rename(m: onnx.ModelProto) -> None:
    """Other names for everything, the inputs and outputs of the graph too."""

    def new(name: str) -> str:
        return f"v_{name}" if name else ""

    for n in m.graph.node:
        n.name = f"n_{n.name}"
        n.input[:] = map(new, n.input)
        n.output[:] = map(new, n.output)
    for v in (*m.graph.input, *m.graph.output, *m.graph.initializer):
        v.name = new(v.name)


def test_other_names(tool, base, tmp_path):
    other = edited(base, tmp_path / "b.onnx", rename)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert found["kept"] == 5
    assert {n["matched"] for n in found["nodes"]} == {"structure"}
    assert all(n["after_value"] == f"v_{n['before_value']}" for n in found["nodes"])
    assert [v["after"] for v in found["inputs"]] == ["v_x", "v_other"]


def test_other_names_and_a_change_in_the_middle(tool, base, tmp_path):
    """What follows the change is matched from the outputs on."""

    def edit(m):
        rename(m)
        m.graph.node[2].attribute[0].i = 0
        m.graph.node.insert(2, helper.make_node("Abs", ["v_b"], ["extra"]))
        m.graph.node[3].input[0] = "extra"

    other = edited(base, tmp_path / "b.onnx", edit)
    found = diff(tool, base, other)
    check_facts(found, base, other)
    assert fates(found) == dict.fromkeys("abdy", "kept") | {"c": "changed", "extra": "new"}
    assert changes(found, "v_c") == {"attribute axis": ("1", "0"), "input 0": ("b", "extra")}


def straight(tmp_path: Path, *bodies: str) -> list[Path]:
    """Models of one input x and one output y that hold these nodes."""
    return [
        save(tmp_path / f"{i}.onnx", f"g (float[3] x) => (float[3] y) {{ {body} }}")
        for i, body in enumerate(bodies)
    ]


def test_names_that_mean_something_else(tool, base, tmp_path):
    """Numbered values: a name that stands for another operator now matches nothing."""
    a, b = straight(
        tmp_path,
        "v0 = Relu(x)  v1 = Abs(v0)  v2 = Neg(v1)  y = Exp(v2)",
        "v0 = Abs(x)  v1 = Neg(v0)  y = Exp(v1)",
    )
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"v0": "gone", "v1": "changed", "v2": "kept", "y": "kept"}


def test_body(tool, tmp_path):
    a = save(tmp_path / "a.onnx", IF)

    def edit(m):
        body = next(x.g for x in m.graph.node[0].attribute if x.name == "then_branch")
        del body.node[0]
        body.node[0].input[0] = "x"

    b = edited(a, tmp_path / "b.onnx", edit)
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"y": "changed", "v": "gone", "u": "changed", "z": "kept"}
    assert changes(found, "y") == {"body then_branch": ("2 nodes", "1 node")}
    where = {n["before_value"]: n["graph"] for n in found["nodes"]}
    assert where["y"] == "" and where["v"] == "body then_branch of If 'choose'"


def test_function(tool, tmp_path):
    a = save(tmp_path / "a.onnx", onnx.parser.parse_model(FUNCTION))

    def edit(m):
        m.functions[0].node[1].op_type = "Mul"

    b = edited(a, tmp_path / "b.onnx", edit)
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"y": "kept", "t": "kept", "b": "changed"}
    assert {n["graph"] for n in found["nodes"]} == {"", "function local::twice"}


def test_other_model(tool, base, tmp_path):
    """Two models with nothing in common."""
    other = save(tmp_path / "b.onnx", IF)
    found = diff(tool, base, other)
    check_facts(found, base, other)


def test_zoo(tool, slim_model, tmp_path):
    out = tmp_path / "out.onnx"
    tool.ok(slim_model, out, "-q")
    check_facts(diff(tool, slim_model, out), slim_model, out)


@pytest.fixture(params=["mobilenetv2", "bert_base"])
def slim_model(request) -> Path:
    path = Path(__file__).parents[2] / "models" / "built" / f"{request.param}.onnx"
    if not path.exists():
        pytest.skip(f"{path.name} is not built: make zoo")
    return path


def test_errors(tool, base, tmp_path):
    missing = tool("diff", base, tmp_path / "missing.onnx")
    assert missing.returncode == 4 and b"missing.onnx" in missing.stderr
    assert tool("diff", base).returncode == 1


def test_a_value_that_is_computed_otherwise(tool, tmp_path):
    """The name that the same node reads decides, not a node of the same operator nearby."""
    old = "e = LeakyRelu <alpha = 0.1> (x)  f = Exp(e)  b = Abs(x)  c = Neg(b)  y = Add(f, c)"
    new = "b = LeakyRelu <alpha = 0.2> (x)  c = Neg(b)  y = Add(x, c)"
    a, b = straight(tmp_path, old, new)
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"e": "gone", "f": "gone", "b": "changed", "c": "kept", "y": "changed"}
    assert changes(found, "b")["operator"] == ("Abs", "LeakyRelu")
    assert changes(found, "y") == {"input 0": ("f", "x")}


def test_a_name_that_moved(tool, tmp_path):
    """Relu computes the same as before, under the name that Abs had."""
    old = "a = Relu(x)  b = Abs(a)  y = Neg(b)"
    new = "b = Relu(x)  y = Neg(b)"
    a, b = straight(tmp_path, old, new)
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"a": "kept", "b": "gone", "y": "kept"}


def test_a_node_that_took_over_another_output(tool, tmp_path):
    """A convolution with its BatchNormalization in it is still the node of its name."""
    a = save(
        tmp_path / "a.onnx",
        """g (float[1, 1, 4, 4] x) => (float[1, 2, 4, 4] y)
<float[2, 1, 1, 1] w = {1.5, -2.5}, float[2] scale = {0.3, 0.7}, float[2] bias = {0.1, 0.2},
 float[2] mean = {0.4, -0.1}, float[2] var = {1.1, 0.9}>
{ [conv] c = Conv(x, w)  [bn] b = BatchNormalization(c, scale, bias, mean, var)  y = Relu(b) }""",
    )
    b = tmp_path / "b.onnx"
    tool.ok(a, b, "-q")
    conv, relu = onnx.load(b).graph.node
    assert (conv.op_type, relu.op_type) == ("Conv", "Relu")
    found = diff(tool, a, b)
    check_facts(found, a, b)
    assert fates(found) == {"c": "changed", "b": "gone", "y": "kept"}
    assert changes(found, conv.output[0]).keys() == {"input 1", "input 2"}

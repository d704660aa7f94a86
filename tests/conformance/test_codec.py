"""The codec against the onnx package: ONNX's own backend models, read and written in every way.

A tiny driver (codec_tool.c) reads and writes; what it wrote is compared here as parsed messages, so no
code of ours judges ours.
"""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.xdist_group("codec")  # one worker: making the models takes seconds

BATCH = 200  # models per process
FLIPS = 400


@pytest.fixture(scope="session")
def codec(build: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Return a function that runs the driver in one mode on (in, out) pairs."""

    def run(mode: str, *pairs: tuple[Path, Path]) -> subprocess.CompletedProcess:
        return subprocess.run(
            [build / "codec_tool", mode, *itertools.chain.from_iterable(pairs)],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return every model of ONNX's backend tests, as files."""
    from onnx.backend.test.case.node import collect_testcases

    folder = tmp_path_factory.mktemp("models")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in collect_testcases(None):
            if case.model is not None:
                found[case.name] = folder / f"{case.name}.onnx"
                found[case.name].write_bytes(case.model.SerializeToString())
    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for path in sorted(data.glob("*/*/model.onnx")):
        found[f"{path.parent.parent.name}/{path.parent.name}"] = path
    for path in sorted(data.glob("light/*.onnx")):
        found[f"light/{path.stem}"] = path
    assert len(found) > 1500
    return found


def outputs(
    codec, mode: str, models: dict[str, Path], folder: Path
) -> Iterable[tuple[str, Path, Path]]:
    """Run the driver on all models; yield name, input and output."""
    pairs = [(name, path, folder / f"{i}.onnx") for i, (name, path) in enumerate(models.items())]
    for batch in chunks(pairs):
        done = codec(mode, *((path, out) for _, path, out in batch))
        assert done.returncode == 0, done.stderr
    return pairs


def chunks(pairs: list) -> Iterable[list]:
    """Cut the list into batches."""
    return (pairs[i : i + BATCH] for i in range(0, len(pairs), BATCH))


# --- one form for what means the same ---------------------------------------------------------------------


def plain_tensor(tensor: TensorProto) -> None:
    """Contents as raw_data, wherever they are."""
    try:
        array = numpy_helper.to_array(tensor)
    except (TypeError, ValueError):
        return
    raw = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
    name, kind, dims = tensor.name, tensor.data_type, list(tensor.dims)
    tensor.Clear()
    tensor.name, tensor.data_type, tensor.raw_data = name, kind, raw
    tensor.dims.extend(dims)


def clear(message, *fields: str) -> None:
    """Drop fields, or those of them that are empty if the name ends in '?'."""
    for field in fields:
        name = field.rstrip("?")
        if field == name or not getattr(message, name):
            message.ClearField(name)


def plain_node(node: onnx.NodeProto) -> None:
    clear(node, "doc_string", "metadata_props", "domain?", "overload?", "name?")
    for attribute in node.attribute:
        clear(attribute, "doc_string")
        if attribute.HasField("t"):
            clear(attribute.t, "name")
            plain_tensor(attribute.t)
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            plain_graph(graph)


def plain_graph(graph: onnx.GraphProto) -> None:
    clear(graph, "doc_string", "metadata_props", "quantization_annotation")
    graph.name = graph.name or "_"
    for tensor in graph.initializer:
        plain_tensor(tensor)
    for info in itertools.chain(graph.input, graph.output, graph.value_info):
        clear(info, "doc_string", "metadata_props")
    for node in graph.node:
        plain_node(node)


def plain(model: onnx.ModelProto) -> onnx.ModelProto:
    clear(model, "doc_string", "producer_name?", "producer_version?", "domain?", "model_version?")
    for opset in model.opset_import:
        clear(opset, "domain?")
    plain_graph(model.graph)
    for function in model.functions:
        clear(function, "doc_string", "value_info", "overload?")
        for node in function.node:
            plain_node(node)
    return model


# --- all backend models -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["copy", "bytes"])
def test_an_unchanged_model_is_written_byte_for_byte(codec, models, tmp_path, mode):
    for name, source, out in outputs(codec, mode, models, tmp_path):
        assert source.read_bytes() == out.read_bytes(), name


@pytest.mark.parametrize("mode", ["dirty", "encode", "external"])
def test_a_rewritten_model_says_the_same(codec, models, tmp_path, mode):
    for name, source, out in outputs(codec, mode, models, tmp_path):
        before, after = onnx.load(source), onnx.load(out)
        assert before == after or plain(before) == plain(after), name


def test_field_by_field_bytes_are_stable(codec, models, tmp_path):
    """A graph marked as changed, without a change, is written as it was (so that twice is as good as once)."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = {name: out for name, _, out in outputs(codec, "dirty", models, tmp_path / "a")}
    for name, source, out in outputs(codec, "dirty", first, tmp_path / "b"):
        assert source.read_bytes() == out.read_bytes(), name


def test_the_text_parses_to_the_same_model(codec, models, tmp_path):
    for name, source, out in outputs(codec, "textfull", models, tmp_path):
        if name.startswith("light/"):
            continue  # megabytes of literals
        parsed = onnx.parser.parse_model(out.read_text())
        assert plain(onnx.load(source)) == plain(parsed), name


def test_the_short_text_parses(codec, models, tmp_path):
    for _, source, out in outputs(codec, "text", models, tmp_path):
        assert len(onnx.parser.parse_model(out.read_text()).graph.node) == len(
            onnx.load(source).graph.node
        )


# --- what they do not have --------------------------------------------------------------------------------


def big_model(elements: int = 5000) -> onnx.ModelProto:
    """Two large initializers, one small, a large constant, doc strings, metadata and annotations."""
    values = np.arange(elements, dtype=np.float32)
    nodes = [
        helper.make_node("Add", ["x", "w"], ["a"], name="add", doc_string="kept"),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(values * 2, "c")),
        helper.make_node("Add", ["a", "c"], ["b"]),
        helper.make_node("Mul", ["b", "v"], ["d"]),
        helper.make_node("Add", ["d", "s"], ["y"]),
    ]
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N"]) for n in ("x", "y")]
    inits = [
        numpy_helper.from_array(values, "w"),
        numpy_helper.from_array(values[::-1].copy(), "v"),
        numpy_helper.from_array(np.float32(3), "s"),
    ]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], inits, doc_string="graph")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"key": "value"})
    note = model.graph.quantization_annotation.add(tensor_name="a")
    note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    return model


def load_all(path: Path) -> onnx.ModelProto:
    """Load with external data, as inline tensors."""
    model = onnx.load(path, load_external_data=True)
    plain_graph(model.graph)
    return model


def test_external_data_is_what_onnx_expects(codec, tmp_path):
    source, out, back = tmp_path / "in.onnx", tmp_path / "sub" / "out.onnx", tmp_path / "back.onnx"
    out.parent.mkdir()
    source.write_bytes(big_model().SerializeToString())
    assert codec("external", (source, out)).returncode == 0
    assert {p.name for p in out.parent.iterdir()} == {"out.onnx", "out.onnx.data"}
    bare = onnx.load(out, load_external_data=False)
    where = {t.name: {e.key: e.value for e in t.external_data} for t in bare.graph.initializer}
    assert set(where["w"]) == {"location", "offset", "length"} and not where["s"]
    assert all(int(where[n]["offset"]) % 64 == 0 for n in "wv")
    onnx.checker.check_model(str(out))
    assert load_all(out) == load_all(source)
    assert codec("copy", (out, back)).returncode == 0  # another folder: the data is copied along
    copy, data = (
        (tmp_path / "back.onnx.data").read_bytes(),
        (out.parent / "out.onnx.data").read_bytes(),
    )
    assert copy.replace(b"back.onnx", b"out.onnx") == data  # a data file says whose it is
    assert load_all(back) == load_all(source)
    before = out.read_bytes()
    assert codec("copy", (out, out)).returncode == 0  # in place: nothing moves
    assert out.read_bytes() == before and len(list(out.parent.iterdir())) == 2


def test_a_model_above_the_limit_gets_external_data(codec, tmp_path):
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(big_model().SerializeToString())
    assert codec("shrink", (source, out)).returncode == 0
    assert out.stat().st_size < 4096 and (tmp_path / "out.onnx.data").stat().st_size >= 60000
    bare = onnx.load(out, load_external_data=False)
    assert bare.graph.node[1].attribute[0].t.data_location == TensorProto.EXTERNAL
    assert load_all(out) == load_all(source)


def test_external_data_written_by_onnx_is_read(codec, tmp_path):
    source, out = tmp_path / "in.onnx", tmp_path / "sub" / "out.onnx"
    out.parent.mkdir()
    onnx.save_model(
        big_model(), source, save_as_external_data=True, location="w.bin", size_threshold=100
    )
    assert codec("copy", (source, out)).returncode == 0
    assert load_all(out) == load_all(source)


@pytest.mark.parametrize("mode", ["copy", "dirty"])
def test_unknown_fields_survive(codec, tmp_path, mode):
    """Field 1000 in every message on the way down to a node's attribute."""
    extra = bytes([0xC2, 0x3E, 3]) + b"abc"
    model = big_model(10)
    node = model.graph.node[0]
    attribute = helper.make_attribute("later", 1).SerializeToString() + extra
    message = node.SerializeToString() + bytes([0x2A, len(attribute)]) + attribute + extra
    patched = onnx.NodeProto.FromString(message)
    model.graph.node[0].CopyFrom(patched)
    model.graph.MergeFromString(extra)
    model.graph.initializer[0].MergeFromString(extra)
    model.graph.input[0].MergeFromString(extra)
    model.MergeFromString(extra)
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(model.SerializeToString())
    assert source.read_bytes().count(extra) == 6
    assert codec(mode, (source, out)).returncode == 0
    assert onnx.load(out) == onnx.load(source)
    assert out.read_bytes().count(extra) == 6


def test_odd_names_survive_the_text(codec, tmp_path):
    names = ["a b", 'quo"te', "back\\slash", "/slash.0", "ünï", "3d", "if", "float", "nan"]
    nodes = [helper.make_node("Relu", [a], [b], name=b) for a, b in itertools.pairwise(names)]
    info = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch size", 2])
        for n in (names[0], names[-1])
    ]
    graph = helper.make_graph(nodes, "odd graph", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    source, out = tmp_path / "in.onnx", tmp_path / "out.txt"
    source.write_bytes(model.SerializeToString())
    assert codec("textfull", (source, out)).returncode == 0
    assert plain(onnx.parser.parse_model(out.read_text())) == plain(model)


def test_functions_survive_the_text(codec, tmp_path):
    text = """
      <ir_version: 10, opset_import: ["" : 17, "local" : 1]>
      main (float[N] x) => (float[N] y) { y = local.leak:two <slope = 0.5, k = 3> (x) }
      <domain: "local", overload: "two", opset_import: ["" : 17]>
      leak <slope, k: int = 7, names: strings = ["a", "b"]> (a) => (b) {
        b = LeakyRelu <alpha: float = @slope> (a)
      }
    """
    model = onnx.parser.parse_model(text)
    source, out = tmp_path / "in.onnx", tmp_path / "out.txt"
    source.write_bytes(model.SerializeToString())
    assert codec("textfull", (source, out)).returncode == 0
    assert plain(onnx.parser.parse_model(out.read_text())) == plain(model), out.read_text()
    assert codec("dirty", (source, out)).returncode == 0
    assert plain(onnx.load(out)) == plain(model)


def test_floats_survive_the_text(codec, tmp_path):
    values = [
        0.1,
        -0.0,
        1e-30,
        16777217.0,
        math.inf,
        -math.inf,
        math.nan,
        3.4028234663852886e38,
        1 / 3,
    ]
    node = helper.make_node(
        "Constant", [], ["y"], value=numpy_helper.from_array(np.float32(values), "y")
    )
    double = helper.make_node(
        "Constant", [], ["z"], value=numpy_helper.from_array(np.float64(values), "z")
    )
    floats = helper.make_node("Constant", [], ["f"], value_floats=values[:4])
    outputs_ = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [len(values)])]
    graph = helper.make_graph([node, double, floats], "g", [], outputs_)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    source, out = tmp_path / "in.onnx", tmp_path / "out.txt"
    source.write_bytes(model.SerializeToString())
    assert codec("textfull", (source, out)).returncode == 0
    assert plain(onnx.parser.parse_model(out.read_text())) == plain(model)


def test_damaged_models_are_refused_or_read(codec, models, tmp_path):
    """Flipped bits and cut ends in real models: a message or a model, and nothing else."""
    random.seed(7)
    small = [p for p in models.values() if p.stat().st_size < 20000]
    pairs = []
    for i in range(FLIPS):
        data = bytearray(random.choice(small).read_bytes())
        if i % 4 == 0:
            del data[random.randrange(len(data)) :]
        else:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        pairs.append((tmp_path / f"{i}.onnx", tmp_path / f"{i}.out"))
        pairs[-1][0].write_bytes(data)
    done = codec("dirty", *pairs)
    assert done.returncode in (0, 2, 4), done.stderr
    for line in done.stderr.splitlines():
        assert line.startswith(str(tmp_path)) and "could not" not in line

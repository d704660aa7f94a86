"""External data: where it goes, whose it is, and models larger than memory."""

from __future__ import annotations

import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden

USAGE = 1
WARNING = "onnxslim: warning: "


def model(scale: float = 1.0, *, large: int = 2) -> onnx.ModelProto:
    """Identity, then for each of the weights (4 KiB) Add and Relu."""
    inits = [
        numpy_helper.from_array(np.arange(1024, dtype=np.float32) * scale + i, f"w{i}")
        for i in range(large)
    ]
    nodes = [helper.make_node("Identity", ["x"], ["a0"])]
    for i in range(large):
        nodes.append(helper.make_node("Add", [f"a{i}", f"w{i}"], [f"s{i}"]))
        nodes.append(helper.make_node("Relu", [f"s{i}"], [f"a{i + 1}"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1024])
    y = helper.make_tensor_value_info(f"a{large}", TensorProto.FLOAT, [1024])
    graph = helper.make_graph(nodes, "g", [x], [y], inits)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def save(path: Path, proto: onnx.ModelProto, location: str | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    kwargs = {"save_as_external_data": True, "location": location, "size_threshold": 0}
    onnx.save(proto, path, **kwargs if location else {})
    return path


def places(path: Path) -> list[str]:
    """Locations of the external data, in the order of the initializers."""
    proto = onnx.load(path, load_external_data=False)
    return [
        next(e.value for e in t.external_data if e.key == "location")
        for t in proto.graph.initializer
    ]


def arrays(path: Path) -> list[np.ndarray]:
    onnx.checker.check_model(os.fspath(path))
    return [numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer]


def same_weights(path: Path, proto: onnx.ModelProto) -> bool:
    expected = [numpy_helper.to_array(t) for t in proto.graph.initializer]
    found = arrays(path)
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- places in the file ----------------------------------------------------------------


def test_tensors_can_be_mapped(tool, tmp_path):
    """Each begins where the ONNX specification advises: at a page, the large ones at 64 KiB; nothing overlaps."""
    sizes = [300, 1 << 15, 257, (1 << 18) + 1, 1 << 18, 16383, 512]
    proto = model(large=len(sizes))
    for tensor, size in zip(proto.graph.initializer, sizes, strict=True):
        values = np.full((size, 1), size, np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    source = save(tmp_path / "in.onnx", proto)
    flags = ["--external-data", "--only=eliminate_unused_initializers"]
    tool.ok(source, tmp_path / "out.onnx", "-q", *flags)
    end = 0
    for tensor in onnx.load(tmp_path / "out.onnx", load_external_data=False).graph.initializer:
        entry = {e.key: e.value for e in tensor.external_data}
        offset, length = int(entry["offset"]), int(entry["length"])
        unit = 65536 if length >= 1 << 20 else 4096 if length >= 1 << 16 else 64
        assert offset % unit == 0
        assert end <= offset < end + unit
        end = offset + length
    assert same_weights(tmp_path / "out.onnx", proto)


# --- keep -------------------------------------------------------------------------------


def test_keep_beside(tool, tmp_path):
    source = save(tmp_path / "in.onnx", model(), "w.bin")
    tool.ok(source, tmp_path / "out.onnx", "-q", "--external-data=keep")
    assert places(tmp_path / "out.onnx") == ["w.bin", "w.bin"]
    assert files(tmp_path) == ["in.onnx", "out.onnx", "w.bin"]
    assert same_weights(tmp_path / "out.onnx", model())


def test_keep_from_above(tool, tmp_path):
    """OUT in a folder above: the locations lead down to the data."""
    source = save(tmp_path / "sub" / "in.onnx", model(), "w.bin")
    tool.ok(source, tmp_path / "out.onnx", "-q", "--external-data=keep")
    assert places(tmp_path / "out.onnx") == ["sub/w.bin"] * 2
    assert files(tmp_path) == ["out.onnx", "sub"]
    assert same_weights(tmp_path / "out.onnx", model())
    tool.ok(tmp_path / "out.onnx", tmp_path / "again.onnx", "-q", "--external-data=keep")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "out.onnx").read_bytes()


def test_keep_elsewhere(tool, tmp_path):
    """A model must not refer to what is outside its folder; without keep the data is copied."""
    source = save(tmp_path / "a" / "in.onnx", model(), "w.bin")
    (tmp_path / "b").mkdir()
    done = tool(source, tmp_path / "b" / "out.onnx", "-q", "--external-data=keep")
    assert done.returncode == USAGE and "cannot be kept" in done.stderr.decode()
    assert files(tmp_path / "b") == []
    tool.ok(source, tmp_path / "b" / "out.onnx", "-q")
    assert places(tmp_path / "b" / "out.onnx") == ["out.onnx.data"] * 2
    assert same_weights(tmp_path / "b" / "out.onnx", model())


def test_keep_writes_what_is_new(tool, tmp_path):
    """A weight that changed is inline, or in a file of its own; the others stay."""
    proto = golden.parse_model(
        """g (float[N, 32] x) => (float[N, 32] y) <float[32, 32] w, float[32, 32] v>
        { t = Transpose<perm = [1, 0]>(w)  a = MatMul(x, t)  b = Relu(a)  y = MatMul(b, v) }"""
    )
    for name in ("w", "v"):
        array = np.random.default_rng(1).random((32, 32), np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    del proto.graph.value_info[:]
    source = save(tmp_path / "in.onnx", proto, "w.bin")
    tool.ok(source, tmp_path / "out.onnx", "-q", "--external-data=keep", "--only=fold_constants")
    kept = {
        t.name: len(t.raw_data)
        for t in onnx.load(tmp_path / "out.onnx", load_external_data=False).graph.initializer
    }
    assert sorted(kept.values()) == [0, 4096] and kept["v"] == 0
    flags = ["-q", "--external-data=keep", "--only=fold_constants", "--inline-limit=2k"]
    tool.ok(source, tmp_path / "out.onnx", *flags)
    assert sorted(places(tmp_path / "out.onnx")) == ["out.onnx.data", "w.bin"]
    onnx.checker.check_model(os.fspath(tmp_path / "out.onnx"))


# --- names and old data -----------------------------------------------------------------


def test_by_itself_says_so(tool, tmp_path):
    source = save(tmp_path / "in.onnx", model())
    done = tool.ok(source, tmp_path / "out.onnx", "--inline-limit=2k")
    assert done.stderr.decode() == (
        f"{WARNING}the model would be larger than 2048 bytes: its large tensors are in 'out.onnx.data'\n"
    )
    assert same_weights(tmp_path / "out.onnx", model())


def test_data_is_never_overwritten(tool, tmp_path):
    """A file that is there already, whoever wrote it, stays as it is."""
    source = save(tmp_path / "in.onnx", model())
    (tmp_path / "w.bin").write_bytes(b"mine")
    done = tool.ok(source, tmp_path / "out.onnx", "--external-data=w.bin")
    assert done.stderr.decode() == f"{WARNING}'w.bin' exists: the large tensors are in 'w.bin.1'\n"
    assert (tmp_path / "w.bin").read_bytes() == b"mine"
    assert files(tmp_path) == ["in.onnx", "out.onnx", "w.bin", "w.bin.1"]
    assert same_weights(tmp_path / "out.onnx", model())


@pytest.mark.parametrize("flag", ["--external-data", "--external-data=w.bin"])
def test_old_data_goes_with_its_model(tool, tmp_path, flag):
    """Written over and over: one model, one data file, each time right."""
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    for scale in (1.0, 2.0, 3.0):
        save(source, model(scale))
        tool.ok(source, out, "-q", flag)
        assert len(files(tmp_path)) == 3
        assert same_weights(out, model(scale))
    tool.ok(source, out, "-q")
    assert files(tmp_path) == ["in.onnx", "out.onnx"]
    assert same_weights(out, model(3.0))


def test_old_data_that_is_not_ours_stays(tool, tmp_path):
    source = save(tmp_path / "in.onnx", model())
    out = save(tmp_path / "out.onnx", model(2.0), "out.onnx.data")
    tool.ok(source, out, "-q", "--external-data")
    assert files(tmp_path) == ["in.onnx", "out.onnx", "out.onnx.1.data", "out.onnx.data"]


def test_old_data_of_a_renamed_model_stays(tool, tmp_path):
    """The data says whose it is by the model's name."""
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    tool.ok(source, tmp_path / "first.onnx", "-q", "--external-data")
    (tmp_path / "first.onnx").rename(out)
    tool.ok(source, out, "-q", "--external-data")
    assert files(tmp_path) == ["first.onnx.data", "in.onnx", "out.onnx", "out.onnx.data"]


@pytest.mark.parametrize("name", ["copy.onnx", "out.onnx.bak"])
def test_old_data_in_use_stays(tool, tmp_path, name):
    """Another model in the folder refers to it."""
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    tool.ok(source, out, "-q", "--external-data")
    shutil.copy(out, tmp_path / name)
    save(source, model(2.0))
    tool.ok(source, out, "-q", "--external-data")
    assert same_weights(tmp_path / name, model())
    assert same_weights(out, model(2.0))


def test_in_place(tool, tmp_path):
    """What did not change stays in the old file, which therefore stays."""
    path = tmp_path / "m.onnx"
    save(path, model())
    tool.ok(path, path, "-q", "--external-data")
    assert places(path) == ["m.onnx.data"] * 2
    before = (tmp_path / "m.onnx.data").read_bytes()
    tool.ok(path, path, "-q", "--external-data")
    assert files(tmp_path) == ["m.onnx", "m.onnx.data"]
    assert (tmp_path / "m.onnx.data").read_bytes() == before
    assert same_weights(path, model())


def test_failure_leaves_model_and_data(tool, tmp_path):
    """The new data did not fit: the old model still has its own."""
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    tool.ok(source, out, "-q", "--external-data")
    save(source, model(2.0, large=64))

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    assert tool(source, out, "-q", "--external-data", limits=small_disk).returncode != 0
    assert files(tmp_path) == ["in.onnx", "out.onnx", "out.onnx.data"]
    assert same_weights(out, model())


# --- permissions ------------------------------------------------------------------------


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_permissions_are_like_the_input(tool, tmp_path):
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    source.chmod(0o600)
    tool.ok(source, out, "-q", "--external-data")
    assert mode(out) == 0o600 and mode(tmp_path / "out.onnx.data") == 0o600
    source.chmod(0o644)
    tool.ok(source, out, "-q", "--external-data")
    assert mode(out) == 0o600 and mode(tmp_path / "out.onnx.1.data") == 0o600  # OUT's own


def test_umask_holds(tool, tmp_path):
    source, out = save(tmp_path / "in.onnx", model()), tmp_path / "out.onnx"
    source.chmod(0o666)
    tool.ok(source, out, "-q", limits=lambda: os.umask(0o027))
    assert mode(out) == 0o640


# --- outside ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["above", "absolute", "link"])
def test_outside_data(tool, tmp_path, how):
    """Only if allowed; the output has a copy."""
    data = save(tmp_path / "data" / "in.onnx", model(), "w.bin").parent / "w.bin"
    location = {"above": "../data/w.bin", "absolute": os.fspath(data), "link": "w.bin"}[how]
    source = tmp_path / "in" / "in.onnx"
    source.parent.mkdir()
    if how == "link":
        (source.parent / "w.bin").symlink_to(data)
    proto = onnx.load(tmp_path / "data" / "in.onnx", load_external_data=False)
    for tensor in proto.graph.initializer:
        next(e for e in tensor.external_data if e.key == "location").value = location
    source.write_bytes(proto.SerializeToString())
    out = tmp_path / "out" / "out.onnx"
    out.parent.mkdir()
    refused = tool(source, out, "-q")
    assert refused.returncode and "leaves the model's folder" in refused.stderr.decode()
    tool.ok(source, out, "-q", "--outside-data")
    assert same_weights(out, model())
    assert tool("inspect", source).returncode
    tool.ok("inspect", source, "--outside-data")


# --- larger than memory -----------------------------------------------------------------

LIMIT = 200_000_000
SIDE, LAYERS = 5120, 400  # 42 GB


def limited() -> None:
    """200 MB for everything but mapped files."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def huge(folder: Path) -> Path:
    """A chain of 400 MatMul, each with a weight of 105 MB in a sparse file, and nodes that can go."""
    graph = onnx.GraphProto(name="huge")
    graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE]))
    graph.output.append(helper.make_tensor_value_info(f"y{LAYERS}", TensorProto.FLOAT, ["n", SIDE]))
    size = SIDE * SIDE * 4
    for i in range(LAYERS):
        weight = graph.initializer.add(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[SIDE, SIDE])
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "huge.data"), ("offset", i * size), ("length", size)):
            weight.external_data.add(key=key, value=str(value))
        before = "x" if i == 0 else f"y{i}"
        graph.node.append(helper.make_node("MatMul", [before, f"w{i}"], [f"a{i}"]))
        graph.node.append(helper.make_node("Identity", [f"a{i}"], [f"b{i}"]))
        graph.node.append(helper.make_node("Relu", [f"b{i}"], [f"y{i + 1}"]))
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 8
    path = folder / "huge.onnx"
    path.write_bytes(proto.SerializeToString())
    with (folder / "huge.data").open("wb") as data:
        data.truncate(LAYERS * size)
    return path


@pytest.mark.plain
def test_forty_gigabytes(tool, tmp_path):
    """In 200 MB, in time that depends on the graph: hardly a page of the weights is read."""
    source, out = huge(tmp_path), tmp_path / "out.onnx"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    os.environ["TMPDIR"], old = os.fspath(scratch), os.environ.get("TMPDIR")
    try:
        tool.ok(source, out, "-q", "--external-data=keep", limits=limited)
    finally:
        if old is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = old
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    pages = (after.ru_minflt + after.ru_majflt) - (before.ru_minflt + before.ru_majflt)
    assert pages < 10_000  # of ten million
    assert time.monotonic() - start < 10
    assert files(scratch) == []
    assert files(tmp_path) == ["huge.data", "huge.onnx", "out.onnx", "scratch"]
    assert set(places(out)) == {"huge.data"}
    result = onnx.load(out, load_external_data=False)
    assert [n.op_type for n in result.graph.node] == ["MatMul", "Relu"] * LAYERS

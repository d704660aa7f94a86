"""Bad input and bad disks: one line with the position, the exit code, OUT untouched."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden

USAGE, BAD_MODEL, IO = 1, 2, 4
OLD = b"what was there before"


def small() -> onnx.ModelProto:
    """A valid model with something to do."""
    return golden.parse_model(
        """g (float[N, 4] x) => (float[N, 4] y)
        <float[4] w = {1, 2, 3, 4}>
        { a = Identity(x)  b = Add(a, w)  [last] y = Relu(b) }"""
    )


def big(kilobytes: int = 1024) -> onnx.ModelProto:
    """A valid model of about that size."""
    weights = np.arange(kilobytes * 256, dtype=np.float32)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [weights.size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [weights.size])
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("Add", ["a", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def external(location: str) -> onnx.ModelProto:
    """A model whose weight lies in another file."""
    model = big(4)
    weight = model.graph.initializer[0]
    size = len(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(size))):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    return model


def cyclic() -> onnx.ModelProto:
    """A model whose nodes 'first' and 'second' need each other."""
    model = small()
    a, b, _ = model.graph.node
    a.name, b.name = "first", "second"
    a.input[0], b.input[0] = "b", "a"
    return model


@pytest.fixture
def out(tmp_path) -> Path:
    """A file at the place of the output, in a folder of its own."""
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "model.onnx"
    path.write_bytes(OLD)
    return path


def refused(done, code: int, *words: str) -> str:
    """Insist on an exit code and a one-line message with these words; returns it."""
    text = done.stderr.decode()
    assert done.returncode == code, text
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("onnxslim: ")
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
    return lines[0]


def untouched(out: Path) -> None:
    """Insist that the output is as it was and nothing lies beside it."""
    assert out.read_bytes() == OLD
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def write(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


# --- input that is no model -------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_truncated(tool, tmp_path, out, share):
    whole = big(16).SerializeToString()
    source = tmp_path / "cut.onnx"
    source.write_bytes(whole[: int(len(whole) * share)])
    refused(tool(source, out, "-q"), BAD_MODEL, "cut.onnx", "byte")
    untouched(out)


def test_truncated_anywhere(tool, tmp_path, out):
    """Cut at every byte: never a crash, and never output unless it still is a model."""
    whole = small().SerializeToString()
    source = tmp_path / "cut.onnx"
    for size in range(len(whole)):
        source.write_bytes(whole[:size])
        done = tool(source, out, "-q")
        assert done.returncode in (0, BAD_MODEL), f"{size}: {done.stderr}"
        if done.returncode:
            refused(done, BAD_MODEL, "cut.onnx")
            untouched(out)
        out.write_bytes(OLD)


def test_text_file(tool, tmp_path, out):
    source = tmp_path / "notes.txt"
    source.write_text("This is not a model.\n" * 50)
    refused(tool(source, out, "-q"), BAD_MODEL, "notes.txt", "byte")
    untouched(out)


def test_empty_file(tool, tmp_path, out):
    source = tmp_path / "empty.onnx"
    source.touch()
    refused(tool(source, out, "-q"), BAD_MODEL, "empty.onnx", "empty")
    untouched(out)


def test_directory(tool, tmp_path, out):
    refused(tool(tmp_path, out, "-q"), IO, str(tmp_path), "directory")
    untouched(out)


def test_missing_file(tool, tmp_path, out):
    refused(tool(tmp_path / "none.onnx", out, "-q"), IO, "none.onnx", "No such file")
    untouched(out)


def test_cyclic_graph(tool, tmp_path, out):
    line = refused(tool(write(tmp_path / "in.onnx", cyclic()), out, "-q"), BAD_MODEL, "cycle")
    assert "first" in line or "second" in line
    untouched(out)


def test_bit_flips(tool, tmp_path, out):
    """Damaged bytes: an error or a model, never a crash; a file only with exit code 0."""
    whole = bytearray(small().SerializeToString())
    rng = np.random.default_rng(0)
    source = tmp_path / "flipped.onnx"
    for _ in range(150):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 2):
            damaged[position] ^= 1 << int(rng.integers(0, 8))
        source.write_bytes(damaged)
        out.write_bytes(OLD)
        done = tool(source, out, "-q")
        assert done.returncode in (0, BAD_MODEL, IO), done.stderr
        if done.returncode:
            assert len(done.stderr.splitlines()) == 1
            untouched(out)


# --- external data ----------------------------------------------------------------------


def test_external_file_is_missing(tool, tmp_path, out):
    source = write(tmp_path / "in.onnx", external("weights.bin"))
    refused(tool(source, out, "-q"), IO, "weights.bin", "'w'")
    untouched(out)


def test_external_file_is_too_short(tool, tmp_path, out):
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    source = write(tmp_path / "in.onnx", external("weights.bin"))
    refused(tool(source, out, "-q"), BAD_MODEL, "weights.bin", "'w'")
    untouched(out)


@pytest.mark.parametrize("location", ["../weights.bin", "sub/../../weights.bin", "/weights"])
def test_external_path_leaves_the_folder(tool, tmp_path, out, location):
    (tmp_path / "weights.bin").write_bytes(b"\0" * 4096)
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    source = write(tmp_path / "folder" / "in.onnx", external(location))
    refused(tool(source, out, "-q"), IO, location, "'w'", "leaves")
    untouched(out)


def test_external_link_leaves_the_folder(tool, tmp_path, out):
    (tmp_path / "weights.bin").write_bytes(b"\0" * 4096)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "weights.bin").symlink_to(tmp_path / "weights.bin")
    source = write(tmp_path / "folder" / "in.onnx", external("weights.bin"))
    refused(tool(source, out, "-q"), IO, "weights.bin", "'w'", "leaves")
    untouched(out)


# --- output -----------------------------------------------------------------------------


def file_size_limit() -> None:
    """A disk of 64 KiB, as far as one process can tell (EFBIG instead of ENOSPC)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


@pytest.mark.parametrize("flags", [[], ["--external-data"]], ids=["inline", "external"])
def test_file_too_large(tool, tmp_path, out, flags):
    source = write(tmp_path / "in.onnx", big())
    refused(tool(source, out, "-q", *flags, limits=file_size_limit), IO, "File too large")
    untouched(out)


@pytest.mark.parametrize("flags", [[], ["--external-data"]], ids=["inline", "external"])
def test_full_disk(tool, tmp_path, flags):
    """A real full disk: a tmpfs of 64 KiB in a mount namespace of its own."""
    source = write(tmp_path / "in.onnx", big())
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {disk}"
    probe = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True)
    if probe.returncode:
        pytest.skip("no right to mount a tmpfs; test_file_too_large stands in")
    script = (
        f"{mount} && printf '%s' '{OLD.decode()}' >{disk}/model.onnx && "
        f"{{ '{tool.path}' {source} {disk}/model.onnx -q {' '.join(flags)}; code=$?; "
        f"ls -A {disk}; cat {disk}/model.onnx; exit $code; }}"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True)
    refused(done, IO, "No space left on device")
    assert done.stdout == b"model.onnx\n" + OLD


def test_full_device_on_standard_output(tool, tmp_path):
    source = write(tmp_path / "in.onnx", big())
    with Path("/dev/full").open("wb") as full:
        done = tool(source, "-", "-q", stdout=full.fileno())
    refused(done, IO, "No space left on device")


def test_missing_folder(tool, tmp_path):
    source = write(tmp_path / "in.onnx", small())
    missing = tmp_path / "none" / "out.onnx"
    refused(tool(source, missing, "-q"), IO, str(missing), "No such file")


def test_output_is_a_directory(tool, tmp_path):
    source = write(tmp_path / "in.onnx", small())
    (tmp_path / "folder").mkdir()
    refused(tool(source, tmp_path / "folder", "-q"), IO, "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_in_place(tool, tmp_path):
    path = write(tmp_path / "model.onnx", small())
    path.chmod(0o640)
    tool.ok(path, path, "-q")
    assert [n.op_type for n in onnx.load(path).graph.node] == ["Add", "Relu"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_in_place_failure_keeps_the_file(tool, tmp_path):
    path = write(tmp_path / "model.onnx", big())
    before = path.read_bytes()
    refused(tool(path, path, "-q", limits=file_size_limit), IO, "File too large")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_output_through_a_link(tool, tmp_path, out):
    """A link at the place of the output stays one; what it names is replaced."""
    link = tmp_path / "link.onnx"
    link.symlink_to(out)
    tool.ok(write(tmp_path / "in.onnx", small()), link, "-q")
    assert link.is_symlink()
    onnx.checker.check_model(onnx.load(out))


def test_pipes(tool, tmp_path):
    """Standard input and output carry the bytes that files do."""
    source, out = write(tmp_path / "in.onnx", small()), tmp_path / "out.onnx"
    tool.ok(source, out, "-q")
    piped = tool.ok("-", "-", "-q", stdin=source.read_bytes())
    assert piped.stdout == out.read_bytes()
    assert piped.stderr == b""


def test_closed_pipe(tool, tmp_path):
    """The reader has gone away: an I/O error, not a signal."""
    source = write(tmp_path / "in.onnx", big())
    read, write_end = os.pipe()
    os.close(read)
    try:
        done = tool(source, "-", "-q", stdout=write_end, limits=lambda: None)
    finally:
        os.close(write_end)
    refused(done, IO, "Broken pipe")


def test_garbage_on_standard_input(tool, out):
    refused(tool("-", out, "-q", stdin=b"garbage"), BAD_MODEL, "byte")
    untouched(out)


# --- usage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--no-such-flag"], "--no-such-flag"),
        (["--only=no_such_pass"], "no_such_pass"),
        (["--freeze", "M=1"], "M"),
        (["--freeze", "N=-1"], "N"),
        (["--input-shape", "nothing:1"], "nothing"),
        (["--outputs", "nothing"], "nothing"),
        (["--max-growth", "much"], "much"),
        (["third.onnx"], "third.onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_usage(tool, tmp_path, out, arguments, word):
    source = write(tmp_path / "in.onnx", small())
    refused(tool(source, out, *arguments), USAGE, word)
    untouched(out)


def test_no_arguments(tool):
    done = tool()
    assert done.returncode == USAGE
    assert b"usage" in done.stderr.lower()


def test_command_name_as_a_path(tool, tmp_path):
    """The first argument is a command only if it is exactly one; ./ and -- make it a path."""
    shutil.copy(write(tmp_path / "in.onnx", small()), tmp_path / "print")
    tool.ok("./print", "a.onnx", "-q", cwd=tmp_path)
    tool.ok("-q", "--", "print", "b.onnx", cwd=tmp_path)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()

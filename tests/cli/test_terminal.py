"""On a terminal: tables that fit, colours, progress; elsewhere none of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import golden
import stacks
from terminal import ERASED, environment, on_terminal, open_terminal, read_until

WIDTHS = [40, 50, 80, 120, 200]
DOMAIN = "a.domain.with.a.name.that.is.much.longer.than.any.terminal.and." + "x" * 100 + ".end"
MODEL = f"""<ir_version: 10, opset_import: ["" : 21, "{DOMAIN}" : 1]>
g (float[batch_size, sequence_length, 4] x) => (float[batch_size, sequence_length, 4] a_long_name_of_an_output)
<float[4] w = {{1, 2, 3, 4}}>
{{ [drop] a = Identity(x)  [turn] t = Transpose <perm = [0, 2, 1]> (a)  [other] u = {DOMAIN}.Operator(t)
  [back] v = Transpose <perm = [0, 2, 1]> (u)  [plus] a_long_name_of_an_output = Add(v, w) }}"""
PLAIN = "g (float[N, 4] x) => (float[N, 4] y) { a = Identity(x)  b = Relu(a)  y = Identity(b) }"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two models with short paths: one with long names, one that ONNX Runtime runs."""
    for name, text in (("long.onnx", MODEL), ("plain.onnx", PLAIN)):
        (tmp_path / name).write_bytes(golden.parse_model(text).SerializeToString())
    return tmp_path


# --- width ------------------------------------------------------------------------------

COMMANDS = {
    "optimize": ["long.onnx", "--stats", "--remarks=all", "--opset=22"],
    "dry-run": ["plain.onnx", "out.onnx", "--dry-run", "--freeze=N=2"],
    "inspect": ["inspect", "long.onnx"],
    "transposes": ["inspect", "long.onnx", "--transposes"],
    "several": ["inspect", "long.onnx", "plain.onnx"],
    "diff": ["diff", "long.onnx", "plain.onnx", "--verbose"],
    "explain": ["explain", "long.onnx", "--verbose"],
    "explain-node": ["explain", "long.onnx", "--node=other", "--verbose"],
    "attribution": ["attribution", "long.onnx"],
    "passes": ["passes", "--verbose"],
    "help": ["--help"],
    "verify": ["verify", "plain.onnx", "plain.onnx", "--verify=1"],
    "bench": ["bench", "plain.onnx", "plain.onnx", "--runs=3", "--warmup=0"],
    "bisect": ["bisect", "plain.onnx", "--verify=1"],
}


def columns_of(line: str) -> int:
    """Return the columns of a line but for those of one word that is longer than any line."""
    words = line.split()
    return 0 if len(words) == 1 else len(line)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_fits_the_terminal(tool, folder, ort, command, columns):
    text = on_terminal(
        tool, *COMMANDS[command], columns=columns, cwd=folder, NO_COLOR="1", ONNXSLIM_ORT=ort
    )
    wide = [line for line in text.splitlines() if columns_of(line) > columns]
    assert text.strip() and not wide


@pytest.mark.parametrize("columns", WIDTHS)
def test_verdicts_of_a_target_fit_the_terminal(tool, folder, columns):
    args = ["inspect", "long.onnx", "--target=tflite"]
    text = on_terminal(tool, *args, columns=columns, cwd=folder, code=3, NO_COLOR="1")
    assert "refused" in text
    assert not [line for line in text.splitlines() if columns_of(line) > columns]


def sizes(text: str) -> Counter:
    """Return the sizes and changes that a text has."""
    return Counter(re.findall(r"(?<!\S)[-+]?\d[\d.]*(?: [kMG]?B)?(?!\S)", text))


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    "args", [["long.onnx"], ["inspect", "long.onnx"]], ids=["optimize", "inspect"]
)
def test_numbers_are_never_cut(tool, folder, args, columns):
    whole = tool.ok(*args, cwd=folder).stdout.decode()
    text = on_terminal(tool, *args, columns=columns, cwd=folder, NO_COLOR="1")
    times = r"\d[\d.]* (us|ms|s)\b"
    assert sizes(re.sub(times, "", text)) == sizes(re.sub(times, "", whole))
    assert text.count("float[batch_size,sequence_length,4]") == whole.count(
        "float[batch_size,sequence_length,4]"
    )


def test_long_names_are_shortened_in_the_middle(tool, folder):
    text = on_terminal(tool, "inspect", "long.onnx", columns=80, cwd=folder)
    assert re.search(r"^a\.domain\.[\w.]*\u2026[\w.]*\.end::Operator +1$", text, re.MULTILINE)


def test_wide_characters_take_two_columns(tool, folder):
    model = onnx.load(folder / "plain.onnx")
    for node in model.graph.node[:2]:
        node.domain = "\u4f60\u597d" * 40
    model.opset_import.add(domain="\u4f60\u597d" * 40, version=1)
    onnx.save(model, folder / "wide.onnx")
    rows = on_terminal(tool, "inspect", "wide.onnx", columns=80, cwd=folder).splitlines()
    row = next(line for line in rows if "\u2026" in line)
    assert 78 <= len(row) + len(re.findall("[\u4f60\u597d]", row)) <= 80


def test_names_cannot_steer_the_terminal(tool, folder):
    model = onnx.load(folder / "plain.onnx")
    model.graph.node[0].name = "evil\x1b[2J\r\n"
    onnx.save(model, folder / "evil.onnx")
    text = on_terminal(tool, "evil.onnx", "--remarks", cwd=folder, NO_COLOR="1")
    assert "evil?[2J" in text and "\x1b" not in text


def test_programs_read_whole_lines(tool, folder):
    """Not on a terminal the width is fixed and no name is shortened."""
    for args in (["long.onnx", "--remarks"], ["inspect", "long.onnx"]):
        text = tool.ok(*args, cwd=folder).stdout.decode()
        assert f"{DOMAIN}::Operator" in text and "\u2026" not in text
    remarks = tool.ok("long.onnx", "--remarks", cwd=folder).stdout.decode()
    assert len(re.findall(r"^(?:fired|missed) \S+: .*: ", remarks, re.MULTILINE)) >= 3
    narrow = subprocess.run(
        [tool.path, "--help"], env=environment(COLUMNS="40"), capture_output=True, check=True
    )
    assert narrow.stdout == tool.ok("--help").stdout


def test_a_terminal_that_does_not_tell_its_width(tool):
    for env, width in (({}, 80), ({"COLUMNS": "60"}, 60)):
        lines = on_terminal(tool, "--help", columns=0, NO_COLOR="1", **env).splitlines()
        assert width - 20 < max(map(columns_of, lines)) <= width


# --- colour -----------------------------------------------------------------------------


def test_colours_only_on_a_terminal(tool, folder):
    args = ("plain.onnx",)
    assert b"\x1b[" not in tool.ok(*args, cwd=folder).stdout
    assert "\x1b[" in on_terminal(tool, *args, cwd=folder)
    assert "\x1b[" in on_terminal(tool, *args, cwd=folder, NO_COLOR="")
    assert "\x1b[" not in on_terminal(tool, *args, cwd=folder, NO_COLOR="1")
    assert "\x1b[" not in on_terminal(tool, *args, cwd=folder, TERM="dumb")


def test_colours_on_demand(tool, folder):
    for flag in ("--color=always", "--color"):
        assert b"\x1b[" in tool.ok("plain.onnx", flag, cwd=folder).stdout
        assert "\x1b[" in on_terminal(tool, "plain.onnx", flag, cwd=folder, NO_COLOR="1")
    assert "\x1b[" not in on_terminal(tool, "plain.onnx", "--color=never", cwd=folder)
    assert b"\x1b[" not in tool.ok("plain.onnx", "--color=auto", cwd=folder).stdout
    wrong = tool("plain.onnx", "--color=sometimes", cwd=folder)
    assert wrong.returncode == 1 and b"auto|always|never" in wrong.stderr


# --- progress ---------------------------------------------------------------------------


@pytest.fixture
def start(tool):
    """A function that starts the tool with standard error on a terminal; what still runs is ended."""
    started = []

    def run(*args, columns: int = 80, stdout=subprocess.DEVNULL, **env):
        leader, follower = open_terminal(columns)
        running = subprocess.Popen(
            [tool.path, *args], stdout=stdout, stderr=follower, env=environment(**env)
        )
        started.append(running)
        os.close(follower)
        return running, leader

    yield run
    for running in started:
        running.kill()
        running.wait()


def interrupt(running, leader) -> bytes:
    """Interrupt it; return the rest of what it printed."""
    running.send_signal(signal.SIGINT)
    rest = read_until(leader)
    assert running.wait() == -signal.SIGINT
    return rest


def endless(folder, ort) -> list:
    """A command that takes long and little memory."""
    plain = folder / "plain.onnx"
    return ["bench", plain, plain, "--runs=2000000", "--ort", ort]


def test_progress_after_half_a_second_and_gone_before_the_result(start, folder, ort):
    started = time.monotonic()
    running, leader = start(*endless(folder, ort))
    text = read_until(leader, b"bench ")
    assert time.monotonic() - started >= 0.5
    text += interrupt(running, leader)
    *drawn, last = text.split(ERASED)
    assert re.fullmatch(rb"bench \d+ %, \d+ s", drawn[-1])
    assert all(re.match(rb"(read|bench) \d+ %, ", line) for line in drawn if line)
    assert last == b"onnxslim: error: cancelled during bench\r\n"


def test_progress_names_the_pass_and_the_rewrites_per_second(start, tmp_path):
    source = tmp_path / "chain.onnx"
    stacks.write(source, "chain", 50_000)
    running, leader = start("attribution", source)
    text = read_until(leader, b" rewrites, ")
    text += interrupt(running, leader)
    assert re.search(rb"optimize \w+, \d+ rewrites, \d+/s, \d+ s", text)
    assert max(map(len, text.split(ERASED))) < 80


def test_progress_fits_the_terminal(start, tmp_path):
    source = tmp_path / "chain.onnx"
    stacks.write(source, "chain", 50_000)
    running, leader = start("attribution", source, columns=40)
    text = read_until(leader, b" rewrites, ")
    *drawn, _ = (text + interrupt(running, leader)).split(ERASED)
    assert drawn and max(map(len, drawn)) < 40


def test_progress_counts_bytes_while_writing(start, tmp_path):
    """The reader is slow, so the writer is."""
    array = np.arange(8 << 20, dtype=np.float32)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [array.size])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [array.size])
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value], [out], [numpy_helper.from_array(array, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    source = tmp_path / "large.onnx"
    source.write_bytes(model.SerializeToString())
    running, leader = start(source, "-", stdout=subprocess.PIPE)
    written = 0
    while some := running.stdout.read(1 << 20):
        written += len(some)
        time.sleep(0.05)
    running.stdout.close()
    text = read_until(leader)
    assert running.wait() == 0 and written > array.nbytes
    assert re.search(
        rb"write \d+ %, [\d.]+ MB of 33\.6 MB, [\d.]+ MB/s, \d+ s" + re.escape(ERASED), text
    )
    assert text.rsplit(ERASED, 1)[1].lstrip().startswith(str(source).encode())


@pytest.mark.parametrize("how", ["quiet", "dumb", "pipe"])
def test_no_progress(tool, start, folder, ort, how):
    args = [*endless(folder, ort), *(["-q"] if how == "quiet" else [])]
    if how == "pipe":
        running = subprocess.Popen(
            [tool.path, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        leader = os.dup(running.stderr.fileno())
        running.stderr.close()
    else:
        running, leader = start(*args, TERM="dumb" if how == "dumb" else "xterm")
    time.sleep(1.5)
    assert (
        interrupt(running, leader).replace(b"\r", b"")
        == b"onnxslim: error: cancelled during bench\n"
    )

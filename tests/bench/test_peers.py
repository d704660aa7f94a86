"""What may be called a peer's number of nodes, and how a process is watched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.extend([str(ROOT / "bench" / "peers"), str(ROOT / "tools")])

import process  # noqa: E402  (found through the line above)
import table  # noqa: E402

OPSET = 14


def entry(nodes: int, **other) -> dict:
    said = {"status": "ok", "nodes": nodes, "opset": OPSET, "foreign": [], "interface": True}
    return said | {"seconds": 1.0, "memory": 10**9} | other


@pytest.mark.parametrize(
    "flaw",
    [
        {"status": "wrong", "reason": "outputs differ by 1.0e+00"},
        {"status": "invalid", "reason": "no such field"},
        {"foreign": ["com.microsoft"]},
        {"opset": OPSET + 3},
    ],
    ids=["wrong", "invalid", "foreign operators", "raised opset"],
)
def test_best_peer_is_one_that_is_comparable(flaw):
    entries = {"a": entry(7, **flaw), "b": entry(9), "c": entry(9), table.OURS: entry(5)}
    assert table.best(entries, "exported", OPSET) == ["b", "c"]


def test_best_peer_may_raise_the_opset_where_that_is_asked_for():
    entries = {"a": entry(7, opset=OPSET + 3), "b": entry(9)}
    assert table.best(entries, "lifted", OPSET) == ["a"]


def test_nobody_is_best_if_all_failed():
    assert table.best({"a": {"status": "failed", "reason": "x"}}, "exported", OPSET) == []


def test_page_has_every_flaw_as_a_note():
    wrong = entry(1, status="wrong", reason="outputs differ by 2.0e+00")
    failed = {"status": "failed", "reason": "no | memory", "seconds": 1.0, "memory": 0}
    unchecked = entry(6, status="unchecked", reason="not compared")
    row = {"a": wrong, "b": failed, "c": unchecked, "d": entry(8, interface=False)}
    text = table.Page({"bert_base": {"exported": {**row, table.OURS: entry(5)}}}).text()
    cells = "wrong<sup>1</sup> | failed<sup>2</sup> | 6<sup>3</sup> | **8**<sup>4</sup> | **5** |"
    assert cells in text
    notes = "1. outputs differ by 2.0e+00\n2. no / memory\n3. not compared\n4. changes what"
    assert notes in text


def run(code: str, **limits) -> process.Ended:
    return process.watched([sys.executable, "-c", code], **limits)


def test_watched_says_how_it_ended(tmp_path):
    ended = run("print('hello'); raise SystemExit(3)", log=tmp_path / "log")
    assert (ended.code, ended.stopped) == (3, None)
    assert (tmp_path / "log").read_text() == "hello\n"


def test_watched_sees_the_memory():
    ended = run("import time; x = bytearray(100 << 20); time.sleep(0.2)")
    assert 100 << 20 < ended.memory["anonymous"] <= ended.memory["peak"] < 300 << 20


def test_watched_stops_what_takes_too_long():
    ended = run("import time; time.sleep(60)", timeout=0.2)
    assert ended.stopped == "time" and ended.seconds < 30


def test_watched_stops_what_takes_too_much():
    code = "import time\nx = []\nwhile True: x.append(bytearray(1 << 20)); time.sleep(0.001)"
    ended = run(code, limit=200 << 20)
    assert ended.stopped == "memory" and ended.memory["anonymous"] < 400 << 20

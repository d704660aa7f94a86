"""What is called within its bound, what the page says of it, and how two programs take turns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.extend([str(ROOT / "bench" / "speed"), str(ROOT / "tools")])

import bounds  # noqa: E402  (found through the line above)

import measure  # noqa: E402


def row(ratio: float, **other) -> dict:
    return {
        "bytes": 4 * 10**6,
        "seconds": {"cp": 0.25, "onnxslim": 0.25 * ratio},
        "ratio": {"low": ratio - 0.125, "median": ratio, "high": ratio + 0.25},
        "memory": {"anonymous": 10**6, "file_backed": 2 * 10**6, "peak": 3 * 10**6},
    } | other


@pytest.mark.parametrize(
    ("name", "ratio", "met"),
    [
        ("bert_base", 1.6, True),
        ("bert_base", 1.61, False),
        (bounds.AGAIN, 1.2, False),
        ("resnet50", 9.0, None),
    ],
)
def test_bound(name, ratio, met):
    assert bounds.met(name, row(ratio)) is met


def test_every_model_of_the_issue_has_a_bound_and_a_place_in_the_zoo():
    assert {name for name in bounds.BOUNDS if name not in measure.zoo.MODELS} == {bounds.AGAIN}


def test_tables_show_rows_misses_and_peers():
    peer = {"version": "1.2", "seconds": 5.0, "memory": 7 * 10**9}
    rows = {"bert_base": row(1.5, peers={"onnxsim": peer}), "yolov8n": row(2)}
    assert bounds.models(rows)[2:] == [
        "| bert_base | 4 | 250.0 | 375.0 | 1.50 | 1.38 to 1.75 | ≤ 1.6 | 1 | 2 |",
        "| yolov8n | 4 | 250.0 | 500.0 | 2.00 | 1.88 to 2.25 | **missed: 1.15** | 1 | 2 |",
    ]
    assert bounds.peers(rows)[-2:] == [
        "| bert_base | onnxslim (ours) | 0.38 | 1.5 | 3 |",
        "| bert_base | onnxsim (1.2) | 5.00 | 20.0 | 7000 |",
    ]
    assert bounds.peers({"yolov8n": row(2)}) == []


def test_each_program_starts_in_an_empty_folder(tmp_path):
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(b"1")
    work, log = tmp_path / "work", tmp_path / "log"
    tool = ["sh", "-c", f"ls -A {work} >>{log}; sleep 0.05; touch {work}/mine"]
    pairs = measure.turns(files, tool, work, 3)
    assert len(pairs) == 3
    assert all(copy > 0 and ours > 0.05 for copy, ours in pairs)
    assert log.read_text() == ""


def test_tool_that_fails_is_not_timed(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(measure.subprocess.CalledProcessError):
        measure.turns([tmp_path / "a"], ["false"], tmp_path / "work", 1)

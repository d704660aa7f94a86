"""Work per node does not grow with the graph. Counted, not timed: rules tried and instructions executed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest

import stacks

SMALL, LARGE = 2_000, 16_000
GROWTH = 1.05


@pytest.fixture(scope="module", params=sorted(stacks.KINDS))
def pair(request, tmp_path_factory) -> list[tuple[Path, int]]:
    """A small and a large model of one kind, and how many nodes they have."""
    folder = tmp_path_factory.mktemp(request.param)
    made = []
    for size in (SMALL, LARGE):
        path = folder / f"{size}.onnx"
        made.append((path, stacks.write(path, request.param, size)))
    onnx.checker.check_model(onnx.load(made[0][0]), full_check=True)
    return made


def test_rules_tried(tool, pair, tmp_path):
    each = []
    for path, nodes in pair:
        report = tmp_path / "report.json"
        tool.ok(path, tmp_path / "out.onnx", "-q", "--json", report)
        found = json.loads(report.read_text())
        assert found["nodes"]["before"] == nodes
        tried = sum(rule["tried"] for rule in found["rules"])
        each.append((tried / nodes, found["rewrites"] / nodes, found["nodes"]["after"] / nodes))
    for small, large in zip(*each, strict=True):
        assert small / GROWTH < large < small * GROWTH


@pytest.mark.plain
@pytest.mark.skipif(not shutil.which("valgrind"), reason="counting instructions needs valgrind")
def test_instructions(build, pair, tmp_path):
    each = []
    for path, nodes in pair:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={tmp_path / 'callgrind'}"]
        command += [build / "onnxslim", path, tmp_path / "out.onnx", "-q"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        count = int(re.search(r"Collected : (\d+)", done.stderr)[1])
        each.append(count / nodes)
    assert each[1] < each[0] * GROWTH

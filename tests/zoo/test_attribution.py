"""What every pass does alone, on every model: no cell of the matrix stays empty."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import materialize
import slimzoo
import zoo

PASSES = re.findall(
    r"^PASS\((\w+)\)",
    (Path(__file__).parents[2] / "src" / "passes" / "passes.def").read_text(),
    re.MULTILINE,
)


def parameters() -> list:
    """Every model; reading one once per pass takes little memory, whatever its size."""
    sizes = {name: zoo.MODELS[name].facts.size for name in zoo.names()}
    large = pytest.mark.large
    return [pytest.param(n, marks=large if s > slimzoo.LARGE else ()) for n, s in sizes.items()]


@pytest.mark.parametrize("name", parameters())
def test_every_cell(tool, tmp_path, name):
    report = tmp_path / "report.json"
    tool.ok("attribution", materialize.materialize(name), "-q", "--json", report)
    found = json.loads(report.read_text())
    rows = found["rows"]
    assert list(dict.fromkeys(r["pass"] for r in rows)) == [*PASSES, "all"]
    for row in rows:
        assert [k for k, v in row.items() if v is None] in ([], ["flags"])
        assert row["nodes_after"] == found["nodes"] + row["nodes"]
    assert rows[-1]["nodes"] < 0

"""The report page in Debian's Chromium: what these tests need, and the pages they open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import materialize
import report_pages
from tool import Tool

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = Path("/usr/bin/chromium")


def missing() -> str | None:
    """Say what is not there."""
    if not shutil.which("node"):
        return "Node.js is not installed"
    if not (ROOT / "ui/report/node_modules/playwright-core").is_dir():
        return "ui/report/node_modules is not there"
    return None if CHROMIUM.exists() else f"{CHROMIUM} is not there"


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of Node.js; skip where what it needs is missing."""
    if why := missing():
        pytest.skip(f"{why}: make setup-ui")
    return shutil.which("node")


@pytest.fixture(scope="session")
def reports(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a report of each of the models in tests/support/report_pages.py."""
    folder = tmp_path_factory.mktemp("reports")
    for name, model in report_pages.MODELS.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(model().SerializeToString())
        tool.ok(path, "-q", "--report", folder / f"{name}.html")
    template = (ROOT / "ui/report/dist/report.html").read_text()
    (folder / "template.html").write_text(template)
    plain = json.loads(tool.ok(folder / "small.onnx", "-q", "--json=-").stdout)
    (folder / "plain.html").write_text(report_pages.fill(template, json.dumps(plain)))
    return folder


@pytest.fixture(scope="session")
def large_report(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report of BERT-large."""
    folder = tmp_path_factory.mktemp("large")
    tool.ok(materialize.materialize("bert_large"), "-q", "--report", folder / "bert_large.html")
    return folder

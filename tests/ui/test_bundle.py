"""The committed template is what the sources make, and the sources pass the type checker."""

from __future__ import annotations

from pathlib import Path

import report_pages
from nodejs import run_node

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = ROOT / "ui/report/dist/report.html"
LARGEST = 500_000


def test_the_committed_template_is_current(node, tmp_path):
    run_node(node, "ui/report/build.mjs", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == TEMPLATE.read_text(), "make ui"


def test_types(node):
    run_node(
        node, "ui/report/node_modules/typescript/bin/tsc", "--noEmit", "--project", "ui/report"
    )


def test_the_template_needs_nothing_else():
    text = TEMPLATE.read_text()
    assert text.count(report_pages.MARK) == 1
    assert len(text) < LARGEST
    for outside in ('src="', "@import", "<link", "url(http", "fetch(", "XMLHttpRequest"):
        assert outside not in text, outside


def test_no_registry_is_named():
    lock = (ROOT / "ui/report/package-lock.json").read_text()
    assert '"resolved"' not in lock

"""The report page in a browser: each file of node tests is one test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodejs import run_node

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("name", ["page", "graph"])
def test_small_models(node, reports, name):
    run_node(node, "--test", HERE / f"{name}.test.mjs", ONNXSLIM_REPORTS=reports)


@pytest.mark.large
def test_bert_large(node, large_report):
    run_node(node, "--test", HERE / "large.test.mjs", ONNXSLIM_REPORTS=large_report)

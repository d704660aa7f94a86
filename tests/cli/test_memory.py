"""Memory is the graph and one tensor, not the weights (docs/contributing/design.md, law 8)."""

from __future__ import annotations

import os
import resource

import onnx
import pytest

import materialize

LIMIT = 150_000_000
pytestmark = [pytest.mark.large, pytest.mark.plain, pytest.mark.xdist_group("large")]


def limited() -> None:
    """150 MB for everything but mapped files."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def test_bert_large_in_150_megabytes(tool, build, tmp_path):
    source = materialize.materialize("bert_large")
    out = build / "zoo" / "bert_large.limited.onnx"
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        tool.ok(source, out, "-q", limits=limited)
        assert out.stat().st_size > 1_300_000_000
        onnx.checker.check_model(os.fspath(out))
        assert [p for p in out.parent.glob("*limited*") if p != out] == []
    finally:
        out.unlink(missing_ok=True)

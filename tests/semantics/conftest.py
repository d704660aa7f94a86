"""What every test of a whole graph asks: valid, the same in ONNX Runtime, and a second run that changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto

import golden
import numeric

TOLERANCE = 1e-5
SIZE = 3  # of every dim with a name


@dataclass
class Result:
    """An optimised model, and what was said of it."""

    model: ModelProto
    remarks: list[str] = field(default_factory=list)

    @property
    def ops(self) -> list[str]:
        """Operators of all nodes, bodies behind the node that has them, functions last."""
        bodies = [self.model.graph, *self.model.functions]
        return [op for body in bodies for op in operators(body)]


def operators(graph) -> list[str]:
    """Return the operators of a graph or function and of its bodies."""
    found = []
    for node in graph.node:
        found.append(node.op_type)
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                found += operators(body if isinstance(body, GraphProto) else GraphProto())
    return found


def assert_same(before: ModelProto, after: ModelProto, feeds) -> None:
    """Run both in ONNX Runtime without its own optimisations."""
    wanted, got = (
        numeric.run(numeric.session(m.SerializeToString(), "off", threads=1), feeds)
        for m in (before, after)
    )
    for a, b in zip(wanted, got, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert numeric.max_diff(a, b) <= TOLERANCE * max(1, np.max(np.abs(a), initial=0)), (a, b)


@pytest.fixture
def optimise(tool, tmp_path: Path):
    """Optimise a model (or its text) and judge the result."""

    def run(model, *flags: str, feeds=None, seeds=(0, 1), valid=True, runs=True) -> Result:
        """`valid`: the checker takes the result; `runs`: ONNX Runtime takes the original."""
        model = golden.parse_model(model) if isinstance(model, str) else model
        source, out, again = (tmp_path / f"{n}.onnx" for n in ("in", "out", "again"))
        log = tmp_path / "log.json"
        source.write_bytes(model.SerializeToString(deterministic=True))
        tool.ok(source, out, "-q", "--verify-each", "--remarks=all", "--json", log, *flags)
        after = onnx.load(out)
        if valid:
            onnx.checker.check_model(after)
        tool.ok(out, again, "-q", *flags)
        assert again.read_bytes() == out.read_bytes(), "the second run changed something"
        for seed in seeds if runs else ():
            given = feeds or {}
            if not {i.name for i in model.graph.input} <= set(given):
                sizes = dict.fromkeys(numeric.dim_names(model), SIZE)
                given = {**numeric.feeds(model, seed, sizes), **given}
            assert_same(model, after, given)
        return Result(after, [r["text"] for r in json.loads(log.read_text())["remarks"]])

    return run

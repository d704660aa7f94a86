"""What holds for every model of the zoo: valid, same interface, idempotent, accurate, small.

A test file of the zoo is a subclass that names its model and the passes that it is there for.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import fusions
import numeric
import slimzoo
import zoo

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = ROOT / "tests" / "zoo" / "expected.json"
PASSES = re.findall(
    r"^PASS\((\w+)\)", (ROOT / "src" / "passes" / "passes.def").read_text(), re.MULTILINE
)
SEEDS = (0, 1, 2)
SHUFFLES = 4
"""Random orders of the passes, besides the reversed one."""
DEPENDS_ON_ORDER: set[str] = set()
"""Models whose node count depends on the order in which the passes are tried, with the reason."""
LIFTED = {"bert_base", "whisper_tiny_encoder", "deit_small", "yolov8n", "resnet50"}
"""Models that are run at a newer opset too: one of each architecture."""


def orders() -> list[list[str]]:
    """The passes in other orders than the pipeline's."""
    shuffled = [random.Random(seed).sample(PASSES, len(PASSES)) for seed in range(SHUFFLES)]
    return [PASSES[::-1], *shuffled]


def worst(a: list, b: list) -> tuple[float, float]:
    """Return the largest difference, and the largest as a share of what is allowed."""
    pairs = [
        (numeric.max_diff(x, y), numeric.tolerance(x))
        for xs, ys in zip(a, b, strict=True)
        for x, y in zip(xs, ys, strict=True)
    ]
    return max(d for d, _ in pairs), max(d / t if d else 0.0 for d, t in pairs)


def accuracy(subject: slimzoo.Subject, candidate: Path) -> tuple[dict, dict]:
    """Compare with the exported model at each level; also gives its own outputs."""
    fed = [subject.feeds(seed) for seed in SEEDS]
    lean = subject.model.facts.size > numeric.LEAN
    measured, reference = {}, {}
    for level in numeric.LEVELS:
        reference[level] = numeric.run_apart(subject.source, level, fed, lean)
        found = numeric.run_apart(candidate, level, fed, lean)
        diff, share = worst(reference[level], found)
        measured[level] = {"max_diff": diff, "of_tolerance": share}
    return measured, reference


TRANSFORMER = (
    "fold_constants",
    "simplify_shape_chains",
    "eliminate_duplicate_constants",
    "fuse_matmul_add",
    "cleanup_attention",
)
"""Passes that must find something in every export of a transformer."""


class EveryModel:
    """The tests of one model."""

    FIRES: tuple[str, ...]
    """Passes that must find something in it when they run alone."""

    def __init_subclass__(cls, name: str) -> None:
        """Large models take turns on one worker: they need much memory in ONNX Runtime."""
        large = zoo.MODELS[name].facts.size > slimzoo.LARGE
        group = pytest.mark.xdist_group("large" if large else name)
        marks = [group, pytest.mark.large] if large else [group]
        one = pytest.param(name, marks=marks, id=name)
        cls.pytestmark = [pytest.mark.parametrize("subject", [one], indirect=True)]

    def test_nodes(self, subject, pytestconfig):
        """The counts are pinned: a change of one is a change of what we publish."""
        found = {
            state: slimzoo.node_count(onnx.load(path, load_external_data=False).graph)
            for state, path in (("before", subject.source), ("after", subject.optimised))
        }
        found |= {name: subject.nodes_left(flags) for name, flags in subject.variants.items()}
        if pytestconfig.getoption("--update-zoo"):
            table = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
            table[subject.model.name] = found
            ordered = {name: table[name] for name in zoo.names() if name in table}
            EXPECTED.write_text(json.dumps(ordered, indent=1) + "\n")
        assert json.loads(EXPECTED.read_text())[subject.model.name] == found
        assert found["before"] == subject.model.facts.nodes
        assert subject.report["nodes"] == {state: found[state] for state in ("before", "after")}

    def test_valid(self, subject):
        onnx.checker.check_model(str(subject.optimised))

    def test_interface(self, subject):
        graphs = [
            onnx.load(path, load_external_data=False).graph
            for path in (subject.source, subject.optimised)
        ]
        before, after = (
            [v.SerializeToString(deterministic=True) for v in [*g.input, *g.output]] for g in graphs
        )
        assert before == after

    def test_each_pass_alone(self, subject):
        """No cell of the attribution matrix is empty, and the passes that matter here find something."""
        report = subject.work / "attribution.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        subject.tool.ok("attribution", subject.source, "-q", "--json", report)
        found = json.loads(report.read_text())
        rows = found["rows"]
        assert list(dict.fromkeys(r["pass"] for r in rows)) == [*PASSES, "all"]
        for row in rows:
            assert [k for k, v in row.items() if v is None] in ([], ["flags"])
            assert row["nodes_after"] == found["nodes"] + row["nodes"]
        assert rows[-1]["nodes"] < 0
        working = {row["pass"] for row in rows if row["nodes"]}
        assert [name for name in self.FIRES if name not in working] == []

    def test_any_order(self, subject, tmp_path):
        """Whatever is tried first, the same number of nodes is left."""
        counts = set()
        for order in orders():
            report = tmp_path / "report.json"
            tool = subject.tool
            tool.ok(subject.source, "--dry-run", "-q", "--json", report, "--order", ",".join(order))
            counts.add(json.loads(report.read_text())["nodes"]["after"])
        pinned = json.loads(EXPECTED.read_text())[subject.model.name]["after"]
        assert (counts != {pinned}) == (subject.model.name in DEPENDS_ON_ORDER), counts

    def test_auto_changes_nothing(self, subject):
        """Rules that --auto does not try could not have fired."""
        if subject.model.facts.size > slimzoo.LARGE:
            pytest.skip("the smaller models of its kind are enough")
        auto = subject.optimise(subject.source, "auto", "--auto")
        assert slimzoo.files(auto) == slimzoo.files(subject.optimised)

    def test_idempotent(self, subject):
        again = slimzoo.files(subject.optimised_again())
        assert again == slimzoo.files(subject.optimised)

    def test_hides_nothing_that_onnx_runtime_fuses(self, subject, tmp_path):
        """LayerNormalization, Gelu, SiLU and attention are fused by the runtime in a form it knows."""
        if subject.model.facts.size > numeric.LEAN:
            pytest.skip("ONNX Runtime needs too much memory to write what it made of it")
        for dims in [{}, zoo.EXPORT_DIMS] if subject.model.dynamic_axes else [{}]:
            before, after = (
                fusions.count(fusions.optimised(path, dims, tmp_path / "ort.onnx"))
                for path in (subject.source, subject.optimised)
            )
            assert fusions.hidden(before, after) == {}, dims

    def test_accurate(self, subject, build):
        measured, reference = accuracy(subject, subject.optimised)
        own, _ = worst(*(reference[level] for level in numeric.LEVELS))
        largest = max(float(np.max(np.abs(o))) for o in reference["off"][0])
        record = {
            "nodes": subject.report["nodes"],
            "largest_output": largest,
            "original_between_levels": own,
            "levels": measured,
        }
        (build / "zoo" / f"{subject.model.name}.json").write_text(json.dumps(record, indent=1))
        assert all(m["of_tolerance"] <= 1 for m in measured.values()), measured

    def test_lifted(self, subject):
        """At the newest opset with kernels it is valid and computes the same; lifting again changes nothing."""
        if subject.model.name not in LIFTED:
            pytest.skip("another model of its kind is lifted")
        lifted = subject.optimise(subject.source, "lifted", *slimzoo.LIFTED)
        onnx.checker.check_model(str(lifted))
        for flags in ([], slimzoo.LIFTED):
            again = subject.optimise(lifted, "lifted twice", *flags)
            assert slimzoo.files(again) == slimzoo.files(lifted)
        measured, _ = accuracy(subject, lifted)
        assert all(m["of_tolerance"] <= 1 for m in measured.values()), measured

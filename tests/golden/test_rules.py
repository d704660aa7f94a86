"""Every rule fires in a golden case; one that promises every bit fires where every bit is compared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import onnx
import pytest

import golden

HERE = Path(__file__).resolve().parent
PASSES = HERE.parents[1] / "src" / "passes" / "passes.def"
MODEL = "g (float[N] x) => (float[N] y) { y = Relu(x) }"
WITHOUT_BITS = {
    "where-of-bools": "ONNX Runtime has no Where of bools",
    "optional-element": "an Optional that is a graph input is not fed",
    "optional-known": "the same",
}
"""Rules whose bits nobody can compare, and why."""


def rules_of(tool, model: Path, *flags: str) -> dict[str, int]:
    """Optimise a model; return how often each rule that was on fired."""
    report = model.with_suffix(".json")
    tool.ok(model, "--dry-run", "-q", "--json", report, *flags)
    return {rule["rule"]: rule["fired"] for rule in json.loads(report.read_text())["rules"]}


@pytest.fixture(scope="module")
def listed(tool, tmp_path_factory) -> dict[str, bool]:
    """Tell of every rule of every pass whether it keeps every bit."""
    model = tmp_path_factory.mktemp("rules") / "model.onnx"
    onnx.save(golden.parse_model(MODEL), model)
    found = {}
    for name in re.findall(r"^PASS\((\w+)\)", PASSES.read_text(), re.MULTILINE):
        flags = (f"--passes={name}", "--freeze=N=1")
        exact = rules_of(tool, model, *flags, "--exact")
        found |= {rule: rule in exact for rule in rules_of(tool, model, *flags)}
    return found


@pytest.fixture(scope="module")
def fired(tool, tmp_path_factory) -> dict[str, bool]:
    """Tell of the rules that fire in the cases whether one of them compares every bit."""
    model = tmp_path_factory.mktemp("cases") / "model.onnx"
    found = {}
    for path in sorted(HERE.glob("*/*.txt")):
        case = golden.parse_case(path)
        onnx.save(case.model, model)
        bits = all(case.get(key) is None for key in ("tolerance", "kernel", "numeric"))
        for rule, count in rules_of(tool, model, *case.flags).items():
            if count:
                found[rule] = found.get(rule, False) or bits
    return found


def test_every_rule_fires(listed, fired):
    assert listed.keys() - fired.keys() == set()


def test_exact_rules_are_compared_bit_by_bit(listed, fired):
    exact = {rule for rule, keeps_bits in listed.items() if keeps_bits}
    assert {r for r in exact if not fired.get(r)} - WITHOUT_BITS.keys() == set()

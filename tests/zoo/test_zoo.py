"""One model after another: valid, loads, same interface, idempotent, accurate, small."""

from __future__ import annotations

import json
import multiprocessing
import random
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

import fusions
import numeric
import slimzoo
import zoo

EXPECTED = Path(__file__).with_name("expected.json")
SEEDS = (0, 1, 2)
PASSES = Path(__file__).parents[2] / "src" / "passes" / "passes.def"
SHUFFLES = 4
"""Random orders of the passes, besides the reversed one."""
DEPENDS_ON_ORDER: set[str] = set()
"""Models whose node count depends on the order in which the passes are tried, with the reason."""
LIFTED = {"bert_base", "whisper_tiny_encoder", "deit_small", "yolov8n", "resnet50"}
"""Models that are run at a newer opset too: one of each architecture."""
LEAN = 2 << 30
"""Bytes from which ONNX Runtime is told to save memory."""


def parameters() -> list:
    """Every model; those that need much memory in ONNX Runtime take turns."""
    made = []
    for name in zoo.names():
        if name not in zoo.facts():
            continue
        large = zoo.MODELS[name].facts.size > slimzoo.LARGE
        group = pytest.mark.xdist_group("large" if large else name)
        marks = [group, pytest.mark.large] if large else [group]
        made.append(pytest.param(name, marks=marks, id=name))
    return made


@pytest.fixture(scope="module", params=parameters())
def subject(request, tool, build):
    found = slimzoo.Subject(request.param, tool, build / "zoo")
    yield found
    found.clean()


def test_every_model_is_here():
    assert set(zoo.facts()) == set(zoo.names())
    assert set(json.loads(EXPECTED.read_text())) == set(zoo.names())


def test_nodes(subject, pytestconfig):
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


def test_valid(subject):
    onnx.checker.check_model(str(subject.optimised))


def test_interface(subject):
    graphs = [
        onnx.load(path, load_external_data=False).graph
        for path in (subject.source, subject.optimised)
    ]
    before, after = (
        [v.SerializeToString(deterministic=True) for v in [*g.input, *g.output]] for g in graphs
    )
    assert before == after


def orders() -> list[list[str]]:
    """The passes in other orders than the pipeline's."""
    passes = re.findall(r"^PASS\((\w+)\)", PASSES.read_text(), re.MULTILINE)
    shuffled = [random.Random(seed).sample(passes, len(passes)) for seed in range(SHUFFLES)]
    return [passes[::-1], *shuffled]


def test_any_order(subject, tmp_path):
    """Whatever is tried first, the same number of nodes is left."""
    counts = set()
    for order in orders():
        report = tmp_path / "report.json"
        tool = subject.tool
        tool.ok(subject.source, "--dry-run", "-q", "--json", report, "--order", ",".join(order))
        counts.add(json.loads(report.read_text())["nodes"]["after"])
    pinned = json.loads(EXPECTED.read_text())[subject.model.name]["after"]
    assert (counts != {pinned}) == (subject.model.name in DEPENDS_ON_ORDER), counts


def test_idempotent(subject):
    again = slimzoo.files(subject.optimised_again())
    assert again == slimzoo.files(subject.optimised)


def test_hides_nothing_that_onnx_runtime_fuses(subject, tmp_path):
    """LayerNormalization, Gelu, SiLU and attention are fused by the runtime in a form it knows."""
    if subject.model.facts.size > LEAN:
        pytest.skip("ONNX Runtime needs too much memory to write what it made of it")
    for dims in [{}, zoo.EXPORT_DIMS] if subject.model.dynamic_axes else [{}]:
        before, after = (
            fusions.count(fusions.optimised(path, dims, tmp_path / "ort.onnx"))
            for path in (subject.source, subject.optimised)
        )
        assert fusions.hidden(before, after) == {}, dims


def test_the_guard_sees_a_hidden_form(tmp_path):
    sigmoid = "s = Sigmoid (x)"
    spelled = "n = Neg (x) e = Exp (n) one = Constant <value_float = 1.0> () d = Add (one, e) s = Div (one, d)"
    counts = []
    for text in (sigmoid, spelled):
        graph = f"g (float[N, 8] x) => (float[N, 8] y) {{ {text} y = Mul (x, s) }}"
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}')
        onnx.save(model, tmp_path / "model.onnx")
        optimised = fusions.optimised(tmp_path / "model.onnx", {}, tmp_path / "ort.onnx")
        counts.append(fusions.count(optimised))
    assert fusions.hidden(*counts) == {"QuickGelu": (1, 0)}


def outputs(path: Path, level: str, fed: list[dict], lean: bool) -> list[list[np.ndarray]]:
    """Run a model once per seed, in a process of its own: its memory is gone afterwards."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(numeric.run_all, path, level, fed, lean=lean).result()


def worst(a: list, b: list) -> tuple[float, float]:
    """Return the largest difference, and the largest as a share of what is allowed."""
    pairs = [
        (numeric.max_diff(x, y), numeric.tolerance(x))
        for xs, ys in zip(a, b, strict=True)
        for x, y in zip(xs, ys, strict=True)
    ]
    return max(d for d, _ in pairs), max(d / t if d else 0.0 for d, t in pairs)


def accuracy(subject, candidate: Path) -> tuple[dict, dict]:
    """Compare with the exported model at each level; also gives its own outputs."""
    fed = [subject.feeds(seed) for seed in SEEDS]
    lean = subject.model.facts.size > LEAN
    measured, reference = {}, {}
    for level in numeric.LEVELS:
        reference[level] = outputs(subject.source, level, fed, lean)
        diff, share = worst(reference[level], outputs(candidate, level, fed, lean))
        measured[level] = {"max_diff": diff, "of_tolerance": share}
    return measured, reference


def test_accurate(subject, build):
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


def test_lifted(subject):
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

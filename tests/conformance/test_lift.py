"""Lifted models compute what they computed: the onnx package's backend cases, and random ones of old opsets."""

import subprocess
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import version_converter

import backend
import judge
import numeric
import opset_cases
import random_ops

FLOOR = 7
NEWEST = onnx.defs.onnx_opset_version()
PER_KIND = 24
# Of the backend cases: those of an older opset, and by operator those that are rightly held back.
OLDER = 1667
HELD_BACK = {"If": 1, "Scan": 1, "Upsample": 1}
# The onnx package's converter leaves nearest_mode at a default that nobody used before, and the axis of Hardmax.
CONVERTER_WRONG = {"Resize", "Upsample", "Hardmax"}


def opset(model: onnx.ModelProto) -> int:
    """Return the version of ai.onnx that a model imports; 0 if none."""
    return max((o.version for o in model.opset_import if o.domain == ""), default=0)


def lift(build, folder, models: dict) -> dict:
    """Lift each model to its target, with nothing else; models: name -> (model, target)."""
    lines, paths = [], {}
    for i, (name, (model, target)) in enumerate(models.items()):
        source, paths[name] = folder / f"{i}.onnx", folder / f"{i}.lifted.onnx"
        onnx.save(model, source)
        lines.append(f"{source} {paths[name]} opset {target} only eliminate_unused_initializers\n")
    done = subprocess.run(
        [build / "optimize_tool"], input="".join(lines), text=True, capture_output=True, check=True
    )
    assert done.stdout == ""
    return {name: onnx.load(path) for name, path in paths.items()}


# --- the backend cases ---------------------------------------------------------------------


def judges(model, case, feeds) -> bool:
    """Tell whether ONNX Runtime or the reference evaluator gives the suite's outputs."""
    runs = (judge.in_runtime, judge.in_reference)
    return any(not judge.fails(run, model, case, feeds) for run in runs)


def test_backend_cases(build, tmp_path):
    cases = {n: c for n, c in backend.cases().items() if FLOOR <= opset(c.model) < NEWEST}
    lifted = lift(build, tmp_path, {n: (c.model, NEWEST) for n, c in cases.items()})
    held, wrong = Counter(), []
    for name, case in cases.items():
        if opset(lifted[name]) != NEWEST:
            assert lifted[name] == case.model, name
            held[min(n.op_type for n in case.model.graph.node)] += 1
            continue
        onnx.checker.check_model(lifted[name])
        if case.is_random:
            continue
        given = {i.name for i in case.model.graph.initializer}
        fed = [i.name for i in case.model.graph.input if i.name not in given]
        feeds = dict(zip(fed, map(judge.as_numpy, case.inputs), strict=True))
        if judges(case.model, case, feeds) and not judges(lifted[name], case, feeds):
            wrong.append(name)
    assert not wrong
    assert (len(cases), dict(held)) == (OLDER, HELD_BACK)


# --- operators whose definitions changed --------------------------------------------------


def samples(seed: int) -> dict:
    """Random nodes of every kind and what changed most, as name -> (model, target, feeds)."""
    rng = np.random.default_rng(seed)
    found = {}

    def add(name: str, model: onnx.ModelProto, feeds: dict) -> None:
        if FLOOR <= opset(model) < NEWEST:
            target = int(rng.integers(opset(model) + 1, NEWEST + 1))
            found[name] = model, target, feeds

    for kind, make in random_ops.KINDS.items():
        for i in range(PER_KIND):
            sample = make(rng)
            constants = {k for k in range(1, len(sample.inputs)) if rng.random() < 0.7}
            add(f"{kind}-{i}", sample.model(lambda _i, _axis, n: n, constants), sample.feeds())
    for name, run in zip(opset_cases.IDS, opset_cases.RUNS, strict=True):
        op, _, inputs, attributes, n_out, version = run
        model = opset_cases.bare(op, version, inputs, attributes, n_out)
        add(name, model, {f"x{i}": np.asarray(a) for i, a in enumerate(inputs)})
    return found


def outputs(model: onnx.ModelProto, feeds: dict):
    """Run a model in ONNX Runtime; None if it has no kernel for it."""
    try:
        return numeric.run(numeric.session(model.SerializeToString(), "off", threads=1), feeds)
    except Exception:  # no kernel for this definition or type, or sizes that do not fit
        return None


def same(wanted, got) -> bool:
    pairs = list(zip(wanted, got, strict=True))
    return all(numeric.max_diff(a, b) <= numeric.tolerance(a) for a, b in pairs)


def converted(model: onnx.ModelProto, target: int):
    """What the onnx package's own converter makes of a model; None if it gives up."""
    try:
        return version_converter.convert_version(model, target)
    except Exception:  # it has no adapter, or does not take the node
        return None


@pytest.mark.parametrize("seed", range(2))
def test_random(build, tmp_path, seed):
    found = samples(seed)
    lifted = lift(build, tmp_path, {n: found[n][:2] for n in found})
    counts = Counter()
    for name, (model, target, feeds) in found.items():
        where = f"{name}: {opset(model)} -> {target}: {model.graph.node[0]}"
        wanted = outputs(model, feeds)
        if opset(lifted[name]) != target:
            assert lifted[name] == model, where
            counts["held back"] += 1
            continue
        if wanted is None or (got := outputs(lifted[name], feeds)) is None:
            counts["no kernel"] += 1
            continue
        counts["same"] += 1
        assert same(wanted, got), where
        theirs = converted(model, target)
        if theirs is not None and (other := outputs(theirs, feeds)) is not None:
            counts["converter too"] += 1
            assert same(other, got) or model.graph.node[0].op_type in CONVERTER_WRONG, where
    print(f"\n{dict(counts)}")
    assert counts["same"] > 0.8 * len(found)

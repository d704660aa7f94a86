"""The onnx package's backend cases through the whole pipeline: as they are, and with all inputs frozen."""

import random
import re
import subprocess
from collections import Counter

import onnx
import pytest

import backend
import judge
from mutate import mutate

JUDGED = 2006  # cases that ONNX Runtime or the reference evaluator gets right
FOLDED = 1917  # cases of which nothing is left but their outputs, as constants

# The others, and why.
LEFT = {
    r"test_bernoulli.*|test_training_dropout.*|test_batchnorm_.*_training_mode": "random or stateful",
    r"test_cast(like)?_FLOAT(16)?_to_(U?INT[24]|FLOAT4E2M1)(_expanded)?": "out of range, or NaN: undefined",
    r"test_resize_downsample_scales_(cubic|linear)_align_corners": "definitions differ",
    r"test_averagepool_.*ceil.*": "definitions differ",
    r"test_nonmaxsuppression_iou_threshold_boundary": "equal to the threshold, up to rounding",
    r"pytorch-.*": "operators that broadcast by attribute, as before opset 7, are opaque",
    r"test_scan_sum": "Scan with a batch axis, as before opset 9",
    r"test_optional_has_element_empty_optional_input": "attributes that are types are opaque",
    r"test_(not_.*|(and|or|xor)_bcast4v4d)": "a bool output of opset 7 needs a node, and it would be no smaller",
    r"test_tile": "the file would grow",
    r"simple/test_gradient_of_.*": "training",
    r"test_image_decoder_.*|test_regex_full_match_.*": "formats and languages of their own",
    r"test_(ai_onnx_ml_.*|ada.*|(nesterov_)?momentum.*)": "outputs need a Constant node, but ai.onnx is not imported",
}


@pytest.fixture(scope="module")
def cases():
    return backend.cases()


def optimize(build, folder, models):
    """Optimizes models by name; returns what came out, and the refusals."""
    lines, paths = [], {}
    for i, (name, model) in enumerate(models.items()):
        source, paths[name] = folder / f"{i}.onnx", folder / f"{i}.opt.onnx"
        onnx.save(model, source)
        lines.append(f"{source} {paths[name]}\n")
    done = subprocess.run(
        [build / "optimize_tool"], input="".join(lines), text=True, capture_output=True, check=True
    )
    out = {name: onnx.load(path) for name, path in paths.items() if path.exists()}
    return out, done.stdout


# --- as they are --------------------------------------------------------------------------------------------


def test_as_they_are(cases, build, tmp_path):
    """A case that runs as it is gives the same outputs when optimized."""
    optimized, refused = optimize(build, tmp_path, {n: c.model for n, c in cases.items()})
    assert not refused
    judged, wrong = Counter(), {}
    for name, case in cases.items():
        given = {i.name for i in case.model.graph.initializer}
        fed = [i.name for i in case.model.graph.input if i.name not in given]
        feeds = dict(zip(fed, map(judge.as_numpy, case.inputs), strict=True))
        run = next(
            (
                r
                for r in (judge.in_runtime, judge.in_reference)
                if not judge.fails(r, case.model, case, feeds)
            ),
            None,
        )
        if run is None or case.is_random:
            continue
        judged[run.__name__] += 1
        if why := judge.fails(run, optimized[name], case, feeds):
            wrong[name] = why
    print(f"\n{judged.total()} of {len(cases)} cases can be judged {dict(judged)}; wrong: {wrong}")
    assert not wrong
    assert judged.total() == JUDGED


# --- frozen -------------------------------------------------------------------------------------------------


def test_frozen(cases, build, tmp_path):
    """With constants for inputs a model is folded to its outputs, and they are right."""
    models = {n: backend.frozen(c) for n, c in cases.items()}
    optimized, refused = optimize(build, tmp_path, models)
    assert not refused
    left, wrong, folded = Counter(), {}, 0
    for name, model in optimized.items():
        computes = backend.left_over(model)
        if computes:
            reasons = [r for r in LEFT if re.fullmatch(r, name)]
            assert len(reasons) == 1, f"{name} is left with {computes}"
            left[LEFT[reasons[0]]] += 1
            continue
        folded += 1
        if why := judge.differs(backend.constant_outputs(model), cases[name]):
            wrong[name] = why
    print(f"\n{folded} of {len(cases)} cases folded; left: {left.most_common()}")
    assert not wrong
    assert folded == FOLDED


# --- damaged ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_damaged(cases, build, tmp_path, seed):
    """Frozen cases with attributes, dims and elements out of all bounds: an error or a model, never a crash."""
    rng = random.Random(seed)
    models = {}
    for name, case in cases.items():
        models[name] = backend.frozen(case)
        for _ in range(rng.choice((1, 1, 2, 3))):
            mutate(models[name], rng)
    optimized, refused = optimize(build, tmp_path, models)
    assert len(optimized) + len(refused.splitlines()) == len(models)

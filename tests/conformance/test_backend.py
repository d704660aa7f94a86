"""The onnx package's backend cases through the whole pipeline: as they are, and with all inputs frozen."""

import subprocess
from collections import Counter

import onnx
import pytest

import backend
import judge

JUDGED = 2006  # cases that ONNX Runtime or the reference evaluator gets right
FOLDED = 1824  # cases of which nothing is left but their outputs, as constants


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
        if run is None:
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
        left.update(computes)
        if computes:
            continue
        folded += 1
        if why := judge.differs(backend.constant_outputs(model), cases[name]):
            wrong[name] = why
    print(f"\n{folded} of {len(cases)} cases folded; left: {left.most_common()}")
    assert not wrong
    assert folded == FOLDED

"""The onnx package's backend cases through the whole pipeline: as they are, and with all inputs frozen."""

import subprocess
import warnings
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import backend

JUDGED = 2006  # cases that ONNX Runtime or the reference evaluator gets right
FOLDED = 1482  # cases of which nothing is left but their outputs, as constants

# Graphs of several nodes in half floats round at every node; the suite's outputs are those of one.
HALF_TOLERANCE = {onnx.TensorProto.FLOAT16: 5e-3, onnx.TensorProto.BFLOAT16: 4e-2}


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


def as_numpy(data):
    if isinstance(data, onnx.TensorProto):
        return numpy_helper.to_array(data)
    return [as_numpy(d) for d in data] if isinstance(data, list) else data


def as_data(value):
    if value is None or isinstance(value, onnx.TensorProto):
        return value
    if isinstance(value, list):
        return [as_data(v) for v in value]
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        texts = [v if isinstance(v, bytes) else str(v).encode() for v in array.flat]
        return onnx.helper.make_tensor("", onnx.TensorProto.STRING, array.shape, texts)
    return numpy_helper.from_array(array)


def in_runtime(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})


def in_reference(model, feeds):
    return ReferenceEvaluator(model).run(
        None, {i.name: feeds[i.name] for i in model.graph.input if i.name in feeds}
    )


def differs(outputs, case):
    """Why these are not the suite's outputs; None if they are."""
    rtol, atol = max(case.rtol, 1e-3), max(case.atol, 1e-5)
    if len(case.model.graph.node) > 1:
        half = max((HALF_TOLERANCE.get(t, 0) for t in backend.elem_types(case)), default=0)
        rtol, atol = max(rtol, half), max(atol, half)
    try:
        for ours, expected in zip(outputs, case.outputs, strict=True):
            backend.assert_close(ours, expected, rtol, atol)
    except (AssertionError, ValueError) as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


def fails(run, model, case, feeds):
    """Why the model does not give the suite's outputs; None if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return differs([as_data(o) for o in run(model, feeds)], case)
    except Exception as error:  # whatever a runtime thinks of a case
        return f"{type(error).__name__}: {str(error)[:300]}"


def test_as_they_are(cases, build, tmp_path):
    """A case that runs as it is gives the same outputs when optimized."""
    optimized, refused = optimize(build, tmp_path, {n: c.model for n, c in cases.items()})
    assert not refused
    judged, wrong = Counter(), {}
    for name, case in cases.items():
        given = {i.name for i in case.model.graph.initializer}
        fed = [i.name for i in case.model.graph.input if i.name not in given]
        feeds = dict(zip(fed, map(as_numpy, case.inputs), strict=True))
        run = next(
            (r for r in (in_runtime, in_reference) if not fails(r, case.model, case, feeds)), None
        )
        if run is None:
            continue
        judged[run.__name__] += 1
        if why := fails(run, optimized[name], case, feeds):
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
        if why := differs(backend.constant_outputs(model), cases[name]):
            wrong[name] = why
    print(f"\n{folded} of {len(cases)} cases folded; left: {left.most_common()}")
    assert not wrong
    assert folded == FOLDED

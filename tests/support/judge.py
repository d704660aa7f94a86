"""What a model makes of a backend case: run in ONNX Runtime or by the reference evaluator, and judged."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import backend

# The suite computes in the half type itself, and function bodies round at every node.
HALF_TOLERANCE = {onnx.TensorProto.FLOAT16: 5e-3, onnx.TensorProto.BFLOAT16: 4e-2}


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

"""The constant evaluator against ONNX Runtime, where definitions changed between opsets."""

import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from opset_cases import IDS, RUNS, bare


def session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


@pytest.fixture(scope="session")
def ours(build, tmp_path_factory):
    """Our outputs of every run."""
    folder = tmp_path_factory.mktemp("opsets")
    for name, (op, _, inputs, attrs, n_out, opset) in zip(IDS, RUNS, strict=True):
        model = bare(op, opset, inputs, attrs, n_out)
        for value, array in zip(model.graph.input, inputs, strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
        del model.graph.input[:]
        onnx.save(model, folder / name)
    paths = "\n".join(str(folder / name) for name in IDS)
    subprocess.run([build / "eval_tool"], input=paths, text=True, check=True)
    return {name: Path(folder / f"{name}.out").read_bytes() for name in IDS}


def read(data):
    """Arrays of one result file of eval_tool."""
    while data:
        line, data = data.split(b"\n", 1)
        assert line != b"none", "refused"
        dtype, _, _, *dims, size = (int(f) for f in line.split())
        tensor = helper.make_tensor("t", dtype, dims, data[:size], raw=True)
        yield numpy_helper.to_array(tensor)
        data = data[size:]


@pytest.mark.parametrize("name", IDS)
def test_opset(name, ours):
    op, _, inputs, attrs, n_out, opset = RUNS[IDS.index(name)]
    try:
        run = session(bare(op, opset, inputs, attrs, n_out))
    except Exception as e:  # a definition that this version no longer implements
        pytest.skip(f"ONNX Runtime: {str(e)[:80]}")
    expected = run.run(None, {f"x{i}": np.asarray(a) for i, a in enumerate(inputs)})
    found = list(read(ours[name]))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(a, b)

"""The constant evaluator against the onnx package's own node test cases: inputs frozen, outputs compared."""

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import backend

EVAL_DEF = Path(__file__).resolve().parents[2] / "src" / "eval" / "eval.def"
SUPPORTED = set(re.findall(r"^EVAL\((\w+),", EVAL_DEF.read_text(), re.M))

# Cases of supported operators that must be refused, and why.
REFUSED = {
    r"test_cast(like)?_.*(STRING|FLOAT6).*": "conversions of strings, newest types",
    r"test_cast(like)?_FLOAT(16)?_to_U?INT[24](_expanded)?": "some elements are out of range: undefined",
    r"test_cast(like)?_FLOAT(16)?_to_FLOAT4E2M1(_expanded)?": "NaN has no counterpart",
    r"test_averagepool_.*(ceil_last_window_starts_on_pad|count_include_pad_is_1_ceil_mode_is_True)": (
        "definitions differ"
    ),
    r"test_batchnorm_.*_training_mode": "stateful",
    r"test_training_dropout(_default)?(_mask)?": "random",
    r"test_nonmaxsuppression_iou_threshold_boundary": "equal to the threshold, up to rounding",
    r"test_resize_downsample_scales_(cubic|linear)_align_corners": "definitions differ",
}


def single_op(case):
    nodes = case.model.graph.node
    return nodes[0].op_type if len(nodes) == 1 and nodes[0].domain in ("", "ai.onnx") else None


CASES = {n: c for n, c in backend.cases().items() if "/" not in n}
OWN = sorted(n for n, c in CASES.items() if single_op(c) in SUPPORTED)


class Result:
    """One output as eval_tool wrote it."""

    def __init__(self, dtype, exact, dims, data):
        self.dtype, self.exact, self.dims, self.data = dtype, exact, dims, data

    def array(self):
        if self.dtype == onnx.TensorProto.STRING:
            at, texts = 0, []
            while at < len(self.data):
                n = int.from_bytes(self.data[at : at + 8], "little")
                texts.append(self.data[at + 8 : at + 8 + n].decode())
                at += 8 + n
            return np.array(texts, dtype=object).reshape(self.dims)
        return numpy_helper.to_array(
            helper.make_tensor("t", self.dtype, self.dims, self.data, raw=True)
        )


def parse(data):
    outputs = []
    while data:
        line, data = data.split(b"\n", 1)
        if line == b"none":
            outputs.append(None)
            continue
        dtype, exact, _, *dims, size = (int(f) for f in line.split())
        outputs.append(Result(dtype, bool(exact), dims, data[:size]))
        data = data[size:]
    return outputs


@pytest.fixture(scope="session")
def results(build, tmp_path_factory):
    """Outputs of every case, by name, from one run of the tool."""
    folder = tmp_path_factory.mktemp("eval")
    paths = {}
    for name, case in CASES.items():
        paths[name] = folder / f"{name}.onnx"
        onnx.save(backend.frozen(case), paths[name])
    subprocess.run(
        [build / "eval_tool"], input="\n".join(map(str, paths.values())), text=True, check=True
    )
    return {name: parse(Path(f"{path}.out").read_bytes()) for name, path in paths.items()}


# Per element: libm functions, sums in another order; graphs of half floats round at every node.
TOLERANCE = {"float16": 5e-3, "bfloat16": 4e-2}


def check(case, outputs, bitwise):
    for ours, theirs in zip(outputs, case.outputs, strict=True):
        assert ours.dtype == theirs.data_type
        array, expected = ours.array(), numpy_helper.to_array(theirs)
        assert array.shape == expected.shape
        if expected.dtype.kind in "OUS":
            assert list(array.flat) == list(expected.flat)
        elif bitwise and ours.exact:
            a, b = array.astype(np.float64), expected.astype(np.float64)
            assert np.array_equal(a, b, equal_nan=True)
            assert np.array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))
        else:
            a, b = array.astype(np.float64), expected.astype(np.float64)
            rtol = TOLERANCE.get(str(expected.dtype), 1e-3)
            atol = 1e-7 * np.max(np.abs(b), initial=1, where=np.isfinite(b))
            np.testing.assert_allclose(a, b, rtol=max(case.rtol, rtol), atol=max(case.atol, atol))


@pytest.mark.parametrize("name", OWN)
def test_operator(name, results):
    """A supported operator is evaluated, and rightly."""
    outputs = results[name]
    if not all(isinstance(o, onnx.TensorProto) for o in CASES[name].outputs):
        pytest.skip("outputs are no tensors")
    refused = any(re.fullmatch(pattern, name) for pattern in REFUSED)
    if refused:
        assert None in outputs
        return
    assert None not in outputs, "refused"
    check(CASES[name], outputs, bitwise=True)


def test_graphs(results):
    """Graphs of several operators (the function bodies of the rest) are right where they are evaluated."""
    evaluated = [n for n in sorted(set(results) - set(OWN)) if None not in results[n]]
    for name in evaluated:
        check(CASES[name], results[name], bitwise=False)
    assert len(evaluated) > 300

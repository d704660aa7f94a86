"""Inference against what really comes out: every dtype, dim and element it states must be the true one.

The onnx package's node cases are tried four times: with the inputs as they are declared, as constants, with a name
for every dim, and with one name for equal dims. The zoo's models run in ONNX Runtime with every value as an output.
"""

import math
import re
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

import numeric
import random_ops
import slimzoo
import zoo

INFER_DEF = Path(__file__).resolve().parents[2] / "src" / "infer" / "infer.def"
OPERATORS = sorted(re.findall(r"^INFER\((\w+),", INFER_DEF.read_text(), re.M))
CASES = {c.name: c for c in collect_testcases(None)}
VARIANTS = ("declared", "constant", "named", "shared")

FUNCTIONS = {
    "floor": lambda q: Fraction(math.floor(q)),
    "trunc": lambda q: Fraction(math.trunc(q)),
    "mod": lambda a, b: a - b * math.floor(a / b),
    "min": min,
    "max": max,
}


def evaluate(text, binding):
    """The number a formula of infer_tool stands for."""
    numbers = re.sub(r"(?<![\w?])(\d+)(?!\w)", r"Fraction(\1)", text)
    names = {name: Fraction(value) for name, value in binding.items()}
    return eval(numbers, {"__builtins__": {}, "Fraction": Fraction, **FUNCTIONS}, names)


class Stated:
    """What inference says of a value."""

    def __init__(self, line):
        _, dtype, dims, elements = line.split("\t")
        self.dtype = int(dtype)
        self.dims = None if dims == "-" else self._list(dims)
        self.elements = None if elements == "-" else self._list(elements)

    @staticmethod
    def _list(text):
        """Split at the commas that are not inside parentheses."""
        parts, depth = [""], 0
        for char in text:
            depth += (char == "(") - (char == ")")
            if char == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += char
        return parts if text else []

    def check(self, array, binding, dtype=None):
        """Everything that is stated is so."""
        dtype = dtype or helper.np_dtype_to_tensor_dtype(array.dtype)
        assert self.dtype in (0, dtype)
        if self.dims is not None:
            assert len(self.dims) == array.ndim
            assert self.numbers(self.dims, binding, array.shape) == list(array.shape)
        if self.elements is not None:
            flat = [int(x) for x in array.flat]
            assert len(self.elements) == len(flat)
            assert self.numbers(self.elements, binding, flat) == flat

    @staticmethod
    def numbers(texts, binding, actual):
        return [a if t == "?" else evaluate(t, binding) for t, a in zip(texts, actual, strict=True)]


def facts_of(tool, models):
    """What inference says of the values of models, by path, from one run of the tool."""
    paths = list(models)
    subprocess.run([tool], input="\n".join(map(str, paths)), text=True, check=True)
    found = {}
    for path in paths:
        lines = Path(f"{path}.facts").read_text().split("\n")[:-1]
        found[path] = {line.split("\t")[0]: Stated(line) for line in lines}
    return found


# --- node cases -----------------------------------------------------------------------------------


def as_array(data):
    """The array of a test vector; None for sequences, optionals and types numpy lacks."""
    if isinstance(data, onnx.TensorProto):
        return numpy_helper.to_array(data)
    return np.asarray(data) if isinstance(data, np.ndarray | np.generic) else None


def constant(name, value, data):
    """The initializer for an input; None if its dtype is not the declared one."""
    tensor = onnx.TensorProto()
    if isinstance(data, onnx.TensorProto):
        tensor.CopyFrom(data)
    else:
        tensor = numpy_helper.from_array(np.asarray(data))
    tensor.name = name
    return tensor if tensor.data_type == value.type.tensor_type.elem_type else None


def is_parameter(array):
    """May shapes depend on this input? Then the named variants freeze it."""
    return (
        array.ndim < 2 and array.dtype != object and (array.size <= 8 or array.dtype.kind in "iub")
    )


def variant(case, kind):
    """The case's model with its inputs seen as `kind`, and what the dim names stand for."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    inputs, _ = case.data_sets[0]
    for output in model.graph.output:
        output.type.Clear()
    binding, kept = {}, []
    for i, (value, data) in enumerate(zip(model.graph.input, inputs, strict=True)):
        array = as_array(data) if value.type.HasField("tensor_type") else None
        tensor = constant(value.name, value, data) if array is not None else None
        if tensor is not None and (
            kind == "constant" or (kind != "declared" and is_parameter(array))
        ):
            model.graph.initializer.append(tensor)
            continue
        kept.append(value)
        dims = value.type.tensor_type.shape.dim
        if array is None or kind == "declared" or len(dims) != array.ndim:
            continue
        for k, (dim, size) in enumerate(zip(dims, array.shape, strict=True)):
            name = f"d{i}_{k}" if kind == "named" else f"n{size}"
            dim.dim_param = name
            binding[name] = size
    kept = [onnx.ValueInfoProto.FromString(v.SerializeToString()) for v in kept]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model, binding


@pytest.fixture(scope="session")
def stated(build, tmp_path_factory):
    """What inference says of each case in each variant."""
    folder = tmp_path_factory.mktemp("infer")
    models = {}
    for kind in VARIANTS:
        for name, case in CASES.items():
            model, binding = variant(case, kind)
            path = folder / f"{name}.{kind}.onnx"
            onnx.save(model, path)
            models[path] = (name, kind, binding)
    facts = facts_of(build / "infer_tool", models)
    return {models[path][:2]: (facts[path], models[path][2]) for path in models}


def outputs_of(case):
    """Name, array and dtype of the outputs that are tensors."""
    for value, data in zip(case.model.graph.output, case.data_sets[0][1], strict=True):
        array = as_array(data)
        if value.type.HasField("tensor_type") and array is not None and not isinstance(data, list):
            yield value.name, array, value.type.tensor_type.elem_type


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("name", sorted(CASES))
def test_node_case(name, kind, stated):
    facts, binding = stated[name, kind]
    for output, array, dtype in outputs_of(CASES[name]):
        facts[output].check(array, binding, dtype)


@pytest.mark.parametrize("op", OPERATORS)
def test_operator_is_inferred(op, stated):
    """Some case of every operator that has a row comes out with dtype and rank."""
    names = [n for n, c in CASES.items() if [x.op_type for x in c.model.graph.node] == [op]]
    if not names:
        pytest.skip("the onnx package has no case of this operator alone")
    outputs = [stated[n, "constant"][0][o] for n in names for o, _, _ in outputs_of(CASES[n])]
    if outputs:
        assert any(f.dtype and f.dims is not None for f in outputs) or op in OPEN


OPEN = {
    "Loop": "a body's inputs are not known",
    "Scan": "a body's inputs are not known",
    "ConcatFromSequence": "sequences have no shapes",
    "OptionalGetElement": "nor have optionals",
    "SequenceAt": "sequences have no shapes",
}


# --- random nodes ---------------------------------------------------------------------------------

ROUNDS = 150


def random_variants(sample, rng):
    """Models of a sample with more or less known of it, each with what its dim names stand for."""
    parameters = {i for i, x in enumerate(sample.inputs) if i and x is not None}
    everything = {i for i, x in enumerate(sample.inputs) if x is not None}
    names = {f"d{i}_{k}": n for i in everything for k, n in enumerate(sample.inputs[i].shape)}
    sizes = {f"n{n}": n for n in names.values()}
    some = {name for name in names if rng.random() < 0.5}
    yield sample.model(lambda i, k, n: n, set()), {}
    yield sample.model(lambda i, k, n: n, parameters), {}
    yield sample.model(lambda i, k, n: n, everything), {}
    yield sample.model(lambda i, k, n: f"d{i}_{k}", parameters), names
    yield sample.model(lambda i, k, n: f"n{n}", parameters), sizes
    yield sample.model(lambda i, k, n: f"d{i}_{k}" if f"d{i}_{k}" in some else n, set()), names


@pytest.mark.parametrize("kind", sorted(random_ops.KINDS))
def test_random_node(kind, build, tmp_path):
    """ONNX Runtime says what comes out; samples it refuses are left aside."""
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    models, expected, runs = {}, {}, 0
    for i in range(ROUNDS):
        sample = random_ops.KINDS[kind](rng)
        try:
            session = numeric.session(
                sample.model(lambda i, k, n: None, set()).SerializeToString(), "off", 1
            )
            outputs = session.run(None, sample.feeds())
        except Exception:  # ONNX Runtime's have no common base
            continue
        runs += 1
        for k, (model, binding) in enumerate(random_variants(sample, rng)):
            path = tmp_path / f"{i}.{k}.onnx"
            onnx.save(model, path)
            models[path], expected[path] = binding, (sample, outputs)
    assert runs > ROUNDS / 3
    facts = facts_of(build / "infer_tool", models)
    for path, binding in models.items():
        sample, outputs = expected[path]
        for k, array in enumerate(outputs):
            try:
                facts[path][f"y{k}"].check(array, binding)
            except AssertionError as e:
                raise AssertionError(f"{path.name}: {sample}") from e


# --- the zoo --------------------------------------------------------------------------------------

AT_ONCE = 400
SMALL_ENOUGH = [
    n for n in zoo.names() if n in zoo.facts() and zoo.MODELS[n].facts.size <= slimzoo.LARGE
]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in SMALL_ENOUGH]
)
def test_zoo(name, build, tmp_path):
    subject = slimzoo.Subject(name, None, tmp_path)
    model = onnx.load(subject.source)
    feeds = subject.feeds(0)
    copy = tmp_path / "model.onnx"
    copy.symlink_to(subject.source)
    facts = facts_of(build / "infer_tool", [copy])[copy]
    values = [o for n in model.graph.node for o in n.output if o]
    assert set(values) <= set(facts)
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=v) for v in part)
        session = numeric.session(model.SerializeToString(), "off")
        for value, array in zip(part, session.run(part, feeds), strict=True):
            facts[value].check(array, slimzoo.DIMS)

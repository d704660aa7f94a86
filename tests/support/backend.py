"""The backend test cases of the onnx package: models with inputs and the outputs they must give."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import OptionalProto, SequenceProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

# Data of a value: TensorProto, list (a sequence) or None (an optional without an element).

RANDOM = {"Bernoulli", "Multinomial"} | {
    f"Random{kind}" for kind in ("Normal", "NormalLike", "Uniform", "UniformLike")
}


@dataclass
class Case:
    """One model of the suite."""

    name: str
    model: onnx.ModelProto
    inputs: list
    outputs: list
    rtol: float
    atol: float

    @property
    def is_random(self) -> bool:
        """Whether the expected outputs come up by chance only."""
        return any(n.op_type in RANDOM for n in self.model.graph.node)


def cases() -> dict[str, Case]:
    """Every case that comes with the package, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [_node_case(c) for c in collect_testcases(None)]
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        found += [_model_case(c, kind) for c in load_model_tests(kind=kind)]
    return {c.name: c for c in sorted(found, key=lambda c: c.name)}


def _node_case(case) -> Case:
    graph, (inputs, outputs) = case.model.graph, case.data_sets[0]
    return Case(
        case.name,
        case.model,
        [_data(v.type, d) for v, d in zip(graph.input, inputs, strict=True)],
        [_data(v.type, d) for v, d in zip(graph.output, outputs, strict=True)],
        case.rtol,
        case.atol,
    )


def _data(kind: TypeProto, value):
    """Data as the suite gives it, in the value's declared type."""
    if value is None or isinstance(value, TensorProto):
        return value
    if isinstance(value, list):
        inner = kind.optional_type.elem_type if kind.HasField("optional_type") else kind
        return [_data(inner.sequence_type.elem_type, v) for v in value]
    if kind.HasField("optional_type"):
        return _data(kind.optional_type.elem_type, value)
    array, elem = np.asarray(value), kind.tensor_type.elem_type
    if array.dtype.kind in "OUS":
        return helper.make_tensor(
            "", TensorProto.STRING, array.shape, [_bytes(s) for s in array.flat]
        )
    return numpy_helper.from_array(array.astype(helper.tensor_dtype_to_np_dtype(elem)))


def _bytes(text) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _model_case(case, kind: str) -> Case:
    folder = Path(case.model_dir)
    model = onnx.load(folder / "model.onnx")
    fed = [v for v in model.graph.input if v.name not in {i.name for i in model.graph.initializer}]
    data = [
        [_read(v.type, folder / "test_data_set_0" / f"{role}_{i}.pb") for i, v in enumerate(values)]
        for role, values in (("input", fed), ("output", model.graph.output))
    ]
    return Case(f"{kind}/{case.name}", model, *data, case.rtol, case.atol)


def _read(kind: TypeProto, path: Path):
    raw = path.read_bytes()
    if kind.HasField("sequence_type"):
        return list(SequenceProto.FromString(raw).tensor_values)
    if kind.HasField("optional_type"):
        optional = OptionalProto.FromString(raw)
        return optional.tensor_value if optional.HasField("tensor_value") else None
    return TensorProto.FromString(raw)


# --- freezing -----------------------------------------------------------------------------------------------


def frozen(case: Case) -> onnx.ModelProto:
    """The case's model with its inputs turned into constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = {i.name for i in model.graph.initializer}
    fed = [v for v in model.graph.input if v.name not in given]
    del model.graph.input[:]
    nodes = []
    for value, data in zip(fed, case.inputs, strict=True):
        _freeze(model.graph, nodes, value.type, value.name, data)
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _freeze(graph, nodes, kind: TypeProto, name: str, data) -> None:
    """Makes `name` a constant: an initializer, or a node over initializers."""
    if kind.HasField("optional_type"):
        inner = kind.optional_type.elem_type
        if data is None:
            nodes.append(helper.make_node("Optional", [], [name], type=inner))
            return
        _freeze(graph, nodes, inner, f"{name}.element", data)
        nodes.append(helper.make_node("Optional", [f"{name}.element"], [name]))
    elif isinstance(data, list):
        parts = [f"{name}.{i}" for i in range(len(data))]
        elem = kind.sequence_type.elem_type
        for part, d in zip(parts, data, strict=True):
            _freeze(graph, nodes, elem, part, d)
        if parts:
            nodes.append(helper.make_node("SequenceConstruct", parts, [name]))
        else:
            dtype = elem.tensor_type.elem_type
            nodes.append(helper.make_node("SequenceEmpty", [], [name], dtype=dtype))
    else:
        tensor = TensorProto()
        tensor.CopyFrom(data)
        tensor.name = name
        graph.initializer.append(tensor)


def elem_types(case: Case) -> set[int]:
    """Element types of the tensors a case reads and writes."""
    return {d.data_type for d in case.inputs + case.outputs if isinstance(d, TensorProto)}


# --- constants ----------------------------------------------------------------------------------------------


def left_over(model: onnx.ModelProto) -> list[str]:
    """Operators that compute: all but those that only hold a constant."""
    holds = {"Constant", "Identity", "SequenceConstruct", "SequenceEmpty", "Optional"}
    return sorted({n.op_type for n in model.graph.node if n.domain or n.op_type not in holds})


def constant_outputs(model: onnx.ModelProto) -> list:
    """The data of the graph's outputs where nothing computes."""
    known = {i.name: i for i in model.graph.initializer}
    for node in model.graph.node:
        inputs = [known[i] for i in node.input]
        if node.op_type == "Constant":
            known[node.output[0]] = _attribute_tensor(node.attribute[0])
        elif node.op_type in ("SequenceConstruct", "SequenceEmpty"):
            known[node.output[0]] = inputs
        else:
            known[node.output[0]] = inputs[0] if inputs else None
    return [known[v.name] for v in model.graph.output]


def _attribute_tensor(attribute) -> TensorProto:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return value
    dtypes = {"value_float": np.float32, "value_floats": np.float32}
    if attribute.name.startswith("value_string"):
        return numpy_helper.from_array(np.array(value, dtype=object))
    return numpy_helper.from_array(np.array(value, dtypes.get(attribute.name, np.int64)))


def assert_close(ours, expected, rtol: float, atol: float) -> None:
    """Equal type, dims and (within the suite's tolerance) elements."""
    assert (ours is None) == (expected is None)
    if expected is None:
        return
    if isinstance(expected, list):
        assert len(ours) == len(expected)
        for a, b in zip(ours, expected, strict=True):
            assert_close(a, b, rtol, atol)
        return
    assert ours.data_type == expected.data_type
    a, b = numpy_helper.to_array(ours), numpy_helper.to_array(expected)
    assert a.shape == b.shape
    if b.dtype.kind in "OUS":
        assert [_bytes(s) for s in a.flat] == [_bytes(s) for s in b.flat]
        return
    wide = np.complex128 if b.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(a.astype(wide), b.astype(wide), rtol=rtol, atol=atol)

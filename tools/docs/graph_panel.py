"""What a small model looks like: nodes with their attributes and constants, and the values between them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

import drawing

LONGEST = 34
"""Characters of a line in a box."""
FEW = 4
"""So many elements of a constant are written out."""


def shortened(text: str) -> str:
    """Return a text that fits a box."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def type_text(info: onnx.ValueInfoProto) -> str:
    """Return the type of a value for people: float[N,3]."""
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        return (kind or "?").removesuffix("_type")
    tensor = info.type.tensor_type
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    if not tensor.HasField("shape"):
        return name
    dims = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim)
    return f"{name}[{','.join(d or '?' for d in dims)}]"


def element(value: object) -> str:
    """Return one element of a constant."""
    if isinstance(value, bytes | str):
        return str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def constant_text(tensor: onnx.TensorProto) -> str:
    """Return what a constant holds, or its dims if that is much."""
    if np.prod(tensor.dims, dtype=int) > FEW or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return f"[{','.join(map(str, tensor.dims))}]"
    array = numpy_helper.to_array(tensor)
    if array.ndim == 0:
        return element(array.item())
    return f"[{', '.join(element(v) for v in array.ravel().tolist())}]"


def attribute_text(attribute: onnx.AttributeProto) -> str:
    """Return an attribute as name=value; of a body, its operators."""
    value = onnx.helper.get_attribute_value(attribute) if not attribute.ref_attr_name else "@"
    if isinstance(value, onnx.GraphProto):
        text = ", ".join(n.op_type for n in value.node) or "nothing"
        return f"{attribute.name}: {text}"
    if isinstance(value, onnx.TensorProto):
        text = constant_text(value)
    elif attribute.name in ("to", "dtype") and isinstance(value, int):
        text = onnx.TensorProto.DataType.Name(value).lower()
    elif isinstance(value, bytes):
        text = value.decode(errors="replace")
    elif isinstance(value, list | tuple):
        text = f"[{','.join(map(element, value))}]"
    else:
        text = element(value)
    return f"{attribute.name}={text}"


def captured(node: onnx.NodeProto) -> list[str]:
    """Return the values that a node reads: its inputs, and what its bodies take from outside."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            inside = {v.name for v in body.input} | {t.name for t in body.initializer}
            inside |= {name for n in body.node for name in n.output}
            inner = [name for n in body.node for name in captured(n)]
            names += [n for n in (*inner, *(o.name for o in body.output)) if n and n not in inside]
    return names


def signature(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> tuple:
    """Return what must agree for a node to be the same before and after, whatever feeds it."""
    attributes = tuple(sorted(a.SerializeToString(deterministic=True) for a in node.attribute))
    held = tuple(constants[n].SerializeToString() for n in node.input if n in constants)
    return node.domain, node.op_type, attributes, held, tuple(node.output)


def signatures(model: onnx.ModelProto) -> set[tuple]:
    """Return the signatures of the nodes of a main graph."""
    constants = {t.name: t for t in model.graph.initializer}
    return {signature(node, constants) for node in model.graph.node}


def node_box(
    node: onnx.NodeProto, constants: dict[str, onnx.TensorProto], kind: str
) -> drawing.Box:
    """Return the box of a node: operator, attributes, constant operands."""
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    lines = [attribute_text(a) for a in node.attribute]
    lines += [f"{n} = {constant_text(constants[n])}" for n in node.input if n in constants]
    return drawing.Box([name, *map(shortened, lines)], kind)


def panel(title: str, model: onnx.ModelProto, other: onnx.ModelProto, kind: str) -> drawing.Panel:
    """Return the main graph of a model; nodes that the other model has not are of the given kind."""
    graph, known = model.graph, signatures(other)
    overridable = {v.name for v in graph.input} if model.ir_version >= 4 else set()
    constants = {t.name: t for t in graph.initializer if t.name not in overridable}
    made, maker = drawing.Panel(title), {}
    for value in graph.input:
        if value.name in constants:
            continue
        maker[value.name] = ("input", value.name)
        made.boxes[maker[value.name]] = drawing.Box(
            [shortened(f"{value.name}  {type_text(value)}")], "value"
        )
    for i, node in enumerate(graph.node):
        fresh = signature(node, constants) not in known
        made.boxes[i] = node_box(node, constants, kind if fresh else "other")
        made.edges += [(maker[n], i) for n in captured(node) if n in maker]
        maker.update(dict.fromkeys(node.output, i))
    used = {n for node in graph.node for n in captured(node)} | {v.name for v in graph.output}
    for name in constants.keys() - used:
        box = [shortened(f"{name} = {constant_text(constants[name])}")]
        made.boxes["unused", name] = drawing.Box(box, kind)
    for value in graph.output:
        end = ("output", value.name)
        lines = [shortened(f"{value.name}  {type_text(value)}")]
        if value.name in constants:
            lines.append(shortened(f"= {constant_text(constants[value.name])}"))
        made.boxes[end] = drawing.Box(lines, "value")
        if value.name in maker:
            made.edges.append((maker[value.name], end))
    return made


def before_and_after(before: onnx.ModelProto, after: onnx.ModelProto) -> list[str]:
    """Return two SVG documents; what goes and what comes is marked."""
    counts = [len(m.graph.node) for m in (before, after)]
    titles = [
        f"{word}: {n} node{'' if n == 1 else 's'}"
        for word, n in zip(("before", "after"), counts, strict=True)
    ]
    return [
        drawing.svg([panel(titles[0], before, after, "gone")], None),
        drawing.svg([panel(titles[1], after, before, "made")], None),
    ]

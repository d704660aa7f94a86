"""Nothing is lost: every field of onnx.proto, and unknown fields in every message, survive on what survives.

The model is filled by walking protobuf's descriptors, so that a field of a newer onnx.proto cannot be forgotten. The
optimizer then has something to do in every graph of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx.parser
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)

TEXT = """<ir_version: 13, opset_import: ["" : 21, "custom" : 3, "local" : 1, "unused" : 5]>
g (float[N] x, bool c) => (float[N] y, float[N] z) <float[2] kept = {1, 2}, float[2] gone = {3, 4}> {
  [drop] a = Identity (x)
  [add] b = Add (a, x)
  [if] d = If (c) <
    then_branch = yes () => (float[N] t) { [drop2] k = Identity (b)  [abs] t = Abs (k) },
    else_branch = no () => (float[N] e) { [drop3] q = Identity (b)  [neg] e = Neg (q) }
  >
  [call] z = local.twice (d)
  [sink] y = custom.Sink (b, kept)
}
<domain: "local", opset_import: ["" : 21, "custom" : 3]>
twice (v) => (w) { [drop4] i = Identity (v)  [sum] w = Add (i, v) }"""

DATA_FIELDS = {
    "raw_data": TensorProto.FLOAT,
    "float_data": TensorProto.FLOAT,
    "int32_data": TensorProto.INT32,
    "int64_data": TensorProto.INT64,
    "uint64_data": TensorProto.UINT64,
    "double_data": TensorProto.DOUBLE,
    "string_data": TensorProto.STRING,
}
DATA = {"raw_data": b"\0\0\x80A\0\0\0@", "string_data": [b"a", b"b"]}
ATTRIBUTE_FIELDS = {
    "f": "FLOAT",
    "i": "INT",
    "s": "STRING",
    "t": "TENSOR",
    "g": "GRAPH",
    "floats": "FLOATS",
    "ints": "INTS",
    "strings": "STRINGS",
    "tensors": "TENSORS",
    "graphs": "GRAPHS",
    "sparse_tensor": "SPARSE_TENSOR",
    "sparse_tensors": "SPARSE_TENSORS",
    "tp": "TYPE_PROTO",
    "type_protos": "TYPE_PROTOS",
}
# What a message may have but one of, and what would change its meaning: set where the model has a place for it.
SPECIAL = {
    "TensorProto": {*DATA_FIELDS, "dims", "data_type", "segment", "external_data", "data_location"},
    "AttributeProto": {*ATTRIBUTE_FIELDS, "type", "ref_attr_name"},
    "GraphProto": {"node", "initializer", "sparse_initializer", "input", "output", "value_info"},
    "NodeProto": {"input", "output", "op_type", "domain", "overload", "attribute"},
    "FunctionProto": {
        "node",
        "input",
        "output",
        "opset_import",
        "domain",
        "overload",
        "attribute",
        "value_info",
    },
    "ModelProto": {"ir_version", "opset_import", "graph", "functions"},
    "OperatorSetIdProto": {"domain", "version"},
}

REMOVED = {"drop", "drop2", "drop3", "drop4", "a", "k", "q", "i", "gone", "unused"}


# --- filling ----------------------------------------------------------------------------


class Filler:
    """Sets every field that is not set yet and not special, and unknown ones."""

    def __init__(self) -> None:
        self.count = 0

    def scalar(self, field: FieldDescriptor):
        self.count += 1
        kinds = {
            FieldDescriptor.CPPTYPE_STRING: f"{field.name} {self.count}",
            FieldDescriptor.CPPTYPE_FLOAT: float(self.count),
            FieldDescriptor.CPPTYPE_DOUBLE: float(self.count),
        }
        value = kinds.get(field.cpp_type, self.count)
        return value.encode() if field.type == FieldDescriptor.TYPE_BYTES else value

    def __call__(self, message: Message, depth: int = 0, choice: int = 0) -> None:
        """Fill a message; `choice` is the member of a oneof to take."""
        special = SPECIAL.get(message.DESCRIPTOR.name, ())
        for field in message.DESCRIPTOR.fields:
            if field.name in special or depth > 5:
                continue
            oneof = field.containing_oneof
            if oneof and (
                message.WhichOneof(oneof.name)
                or field.name != oneof.fields[choice % len(oneof.fields)].name
            ):
                continue
            self.set_field(message, field, depth)
        for field, value in message.ListFields():
            if field.message_type:
                deeper = depth if field.name in special else depth + 1
                for i, child in enumerate(value if field.is_repeated else [value]):
                    self(child, deeper, i)
        self.unknown(message)

    def set_field(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.is_repeated:
            items = getattr(message, field.name)
            if not items and field.message_type:
                for _ in range(max([1, *(len(o.fields) for o in field.message_type.oneofs)])):
                    items.add()
            elif not items:
                items.append(self.scalar(field))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
        elif not message.HasField(field.name):
            value = 1 if field.enum_type else self.scalar(field)
            setattr(message, field.name, value)

    def unknown(self, message: Message) -> None:
        """A number, a text and a group, under numbers that no schema uses."""
        if len(UnknownFieldSet(message)):
            return
        self.count += 1
        number = bytes([self.count % 100])
        message.MergeFromString(b"\x80\xfa\x01" + number)  # field 4000
        message.MergeFromString(b"\x8a\xfa\x01\x03" + number + b"xy")  # field 4001
        message.MergeFromString(
            b"\x93\xfa\x01\x08" + number + b"\x94\xfa\x01"
        )  # field 4002, a group


def tensor(field: str, name: str = "") -> TensorProto:
    made = TensorProto(name=name, dims=[2], data_type=DATA_FIELDS[field])
    value = DATA.get(field, [len(field), 2])
    if isinstance(value, bytes):
        made.raw_data = value
    else:
        getattr(made, field).extend(value)
    return made


def small_graph(name: str) -> GraphProto:
    graph = GraphProto(name=name)
    graph.node.append(
        NodeProto(op_type="Source", domain="custom", output=[f"{name}_out"], name=f"{name}_node")
    )
    graph.output.append(ValueInfoProto(name=f"{name}_out"))
    return graph


def types() -> Iterator[tuple[str, TypeProto]]:
    """One of each kind."""
    leaf = TypeProto()
    leaf.tensor_type.elem_type = TensorProto.FLOAT
    leaf.tensor_type.shape.dim.add(dim_value=2)
    leaf.tensor_type.shape.dim.add(dim_param="M")
    for field in TypeProto.DESCRIPTOR.oneofs_by_name["value"].fields:
        made = TypeProto()
        if field.name == "tensor_type":
            made.CopyFrom(leaf)
        inner = getattr(made, field.name)
        inner.SetInParent()
        for sub in field.message_type.fields:
            if sub.message_type is TypeProto.DESCRIPTOR:
                getattr(inner, sub.name).CopyFrom(leaf)
            elif sub.name == "shape":
                getattr(inner, sub.name).CopyFrom(leaf.tensor_type.shape)
            elif sub.name in ("elem_type", "key_type"):
                setattr(inner, sub.name, TensorProto.INT64)
        yield field.name, made


def attributes() -> Iterator[AttributeProto]:
    """One of each kind."""
    for field, kind in ATTRIBUTE_FIELDS.items():
        made = AttributeProto(name=f"attr_{field}", type=AttributeProto.AttributeType.Value(kind))
        descriptor = AttributeProto.DESCRIPTOR.fields_by_name[field]
        samples = {
            "TensorProto": tensor("raw_data", f"in_{field}"),
            "GraphProto": small_graph(f"g_{field}"),
            "TypeProto": next(types())[1],
            "SparseTensorProto": sparse(f"sparse_{field}"),
        }
        if descriptor.message_type:
            sample = samples[descriptor.message_type.name]
            if descriptor.is_repeated:
                getattr(made, field).append(sample)
            else:
                getattr(made, field).CopyFrom(sample)
        else:
            number = b"text" if "s" in (field, field[:-1]) or field == "strings" else 3
            if descriptor.is_repeated:
                getattr(made, field).append(number)
            else:
                setattr(made, field, number)
        yield made


def sparse(name: str) -> onnx.SparseTensorProto:
    made = onnx.SparseTensorProto(dims=[4])
    made.values.CopyFrom(tensor("float_data", name))
    made.indices.CopyFrom(tensor("int64_data", f"{name}_indices"))
    return made


def full_model() -> ModelProto:
    model = onnx.parser.parse_model(TEXT)
    graph = model.graph
    nodes = {n.name: n for n in graph.node}
    sink = nodes["sink"]
    for field in DATA_FIELDS:
        graph.initializer.append(tensor(field, f"data_{field}"))
        sink.input.append(f"data_{field}")
    segmented = tensor("double_data", "data_segment")
    segmented.segment.begin = 0
    segmented.segment.end = 2
    graph.initializer.append(segmented)
    sink.input.append("data_segment")
    graph.sparse_initializer.append(sparse("sparse"))
    sink.input.append("sparse")
    for name, kind in types():
        node = NodeProto(
            op_type="Source", domain="custom", name=f"source_{name}", output=[f"v_{name}"]
        )
        graph.node.insert(0, node)
        graph.value_info.append(ValueInfoProto(name=f"v_{name}", type=kind))
        sink.input.append(f"v_{name}")
    graph.value_info.append(ValueInfoProto(name="a", type=graph.input[0].type))
    graph.value_info.append(ValueInfoProto(name="b", type=graph.input[0].type))
    sink.attribute.extend(attributes())
    for name in ("b", "gone"):
        graph.quantization_annotation.add(tensor_name=name)
    function = model.functions[0]
    function.overload = nodes["call"].overload = "fast"
    function.attribute.append("alpha")
    function.attribute_proto.append(next(attributes()))
    function.value_info.append(ValueInfoProto(name="w", type=graph.input[0].type))
    referring = NodeProto(op_type="Effect", domain="custom", name="refers", input=["v"])
    referring.attribute.add(name="alpha", ref_attr_name="alpha", type=AttributeProto.INT)
    function.node.append(referring)
    training = model.training_info.add()
    training.initialization.CopyFrom(small_graph("initialization"))
    training.algorithm.CopyFrom(small_graph("algorithm"))
    Filler()(model)
    return model


# --- walking ----------------------------------------------------------------------------


def fields_set(message: Message) -> set[tuple[str, str]]:
    found = set()
    for field, value in message.ListFields():
        found.add((message.DESCRIPTOR.full_name, field.name))
        if field.message_type:
            for child in value if field.is_repeated else [value]:
                found |= fields_set(child)
    return found


def all_fields(descriptor: Descriptor, seen: set[str]) -> set[tuple[str, str]]:
    seen.add(descriptor.full_name)
    found = set()
    for field in descriptor.fields:
        found.add((descriptor.full_name, field.name))
        if field.message_type and field.message_type.full_name not in seen:
            found |= all_fields(field.message_type, seen)
    return found


def key_of(message: Message):
    for name in ("name", "tensor_name", "key", "configuration_id", "domain"):
        if name in message.DESCRIPTOR.fields_by_name:
            value = getattr(message, name)
            if value or name == "domain":
                return value
    return None


def unknown_of(message: Message) -> list:
    def plain(data):
        return (
            [(f.field_number, plain(f.data)) for f in data]
            if isinstance(data, UnknownFieldSet)
            else data
        )

    return [(f.field_number, f.wire_type, plain(f.data)) for f in UnknownFieldSet(message)]


def losses(before: Message, after: Message, path: str, free: set[str]) -> Iterator[str]:
    """Yield what `after` lacks; `free` are fields (Message.field) that may differ."""
    if unknown_of(before) != unknown_of(after):
        yield f"{path}: unknown fields"
    for field in before.DESCRIPTOR.fields:
        here = f"{path}.{field.name}"
        old, new = getattr(before, field.name), getattr(after, field.name)
        if f"{before.DESCRIPTOR.name}.{field.name}" in free:
            continue
        if not field.is_repeated:
            if not field.has_presence or before.HasField(field.name) != after.HasField(field.name):
                if old != new:
                    yield here
            elif before.HasField(field.name) and field.message_type:
                yield from losses(old, new, here, free)
            elif old != new:
                yield here
        elif not field.message_type:
            if list(old) != list(new):
                yield f"{here}: {list(old)} {list(new)}"
        else:
            yield from list_losses(old, new, here, free)


def list_losses(old, new, here: str, free: set[str]) -> Iterator[str]:
    rest = list(new)
    for i, item in enumerate(old):
        key = key_of(item)
        same = [r for r in rest if key_of(r) == key] if key is not None else rest[:1]
        if same:
            rest.remove(same[0])
            yield from losses(item, same[0], f"{here}[{key or i}]", free)
        elif key not in REMOVED:
            yield f"{here}[{key or i}] is gone"


# --- tests ------------------------------------------------------------------------------


def test_every_field_is_set():
    """If this fails, onnx.proto has a field that the filler does not reach."""
    missing = all_fields(ModelProto.DESCRIPTOR, set()) - fields_set(full_model())
    assert {name for name in missing if name[1] not in ("external_data", "data_location")} == set()


# Nodes behind a removed one read another value.
FREE = {"NodeProto.input"}


@pytest.mark.parametrize(
    ("flags", "free"),
    [
        ([], set()),
        (["--infer-shapes"], set()),
        (["--freeze=N=3"], {"TypeProto.Tensor.shape", "Tensor.shape", "ModelProto.metadata_props"}),
        (["--keep=b"], set()),
        (["--exact"], set()),
    ],
    ids=lambda f: " ".join(f) if isinstance(f, list) else "",
)
def test_nothing_is_lost(tool, tmp_path, flags, free):
    before, source, out = full_model(), tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(before.SerializeToString())
    tool.ok(source, out, "-q", *flags)
    after = onnx.load(out)
    ops = [n.name for n in after.graph.node]
    assert "drop" not in ops and "sink" in ops
    bodies = {
        a.name: [n.name for n in a.g.node]
        for n in after.graph.node
        if n.name == "if"
        for a in n.attribute
    }
    assert bodies["then_branch"] == ["abs"]
    assert [n.name for n in after.functions[0].node] == ["sum", "refers"]
    assert list(losses(before, after, "model", FREE | free)) == []


def test_nothing_is_lost_beside_external_data(tool, tmp_path):
    """Tensors that move keep everything but their contents."""
    before, source, out = full_model(), tmp_path / "in.onnx", tmp_path / "out.onnx"
    for t in before.graph.initializer:
        if t.name == "data_raw_data":
            t.dims[0] = 1024
            t.raw_data = t.raw_data * 512
    source.write_bytes(before.SerializeToString())
    tool.ok(source, out, "-q", "--external-data")
    after = onnx.load(out, load_external_data=False)
    moved = {t.name: t for t in after.graph.initializer}["data_raw_data"]
    assert moved.data_location == TensorProto.EXTERNAL and not moved.raw_data
    onnx.load_external_data_for_model(after, str(tmp_path))
    free = {"TensorProto.data_location", "TensorProto.external_data"}
    assert list(losses(before, after, "model", FREE | free)) == []


def test_opset_imports_in_use_stay(tool, tmp_path):
    before, source, out = full_model(), tmp_path / "in.onnx", tmp_path / "out.onnx"
    source.write_bytes(before.SerializeToString())
    tool.ok(source, out, "-q")
    imports = {o.domain: o.version for o in onnx.load(out).opset_import}
    assert {k: imports[k] for k in ("", "custom", "local")} == {"": 21, "custom": 3, "local": 1}

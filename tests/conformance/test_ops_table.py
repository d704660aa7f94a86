"""ops.def and attrs.def against the schemas of the onnx package, and what nodes are taken for at every opset."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.defs import OpSchema

import ort_kernels

OPS = Path(__file__).resolve().parents[2] / "src" / "ops"
ROW = re.compile(
    r'^OP\((\w+), "([\w.]*)", (-?\d+), (-?\d+), (-?\d+), (-?\d+), VERSIONS\(([\d, ]+)\), \d+,\s*([\w| ]+)\)',
    re.M,
)
MACROS = {
    "UNARY": "OP_ELEMENTWISE | OP_LAYOUT_AGNOSTIC",
    "BROADCAST": "OP_ELEMENTWISE | OP_BROADCASTS",
}
DEFAULT = re.compile(r"^ATTR_(INT|FLOAT|STRING|INTS|NONE)\((\w+), (\w+), (\d+)(?:, (.+))?\)$", re.M)
DOMAINS = ["", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"]


def schemas():
    table = defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        table[schema.domain, schema.name].append(schema)
    for versions in table.values():
        versions.sort(key=lambda s: s.since_version)
    return table


def rows():
    text = (OPS / "ops.def").read_text()
    table = {}
    for name, domain, *arity, versions, facts in ROW.findall(text):
        for macro, meaning in MACROS.items():
            facts = re.sub(rf"\b{macro}\b", meaning, facts)
        table[domain, name] = (
            [int(n) for n in arity],
            [int(v) for v in versions.split(",")],
            {f.strip() for f in facts.split("|")} - {"0"},
        )
    assert len(table) == len(re.findall(r"^OP\(", text, re.M))
    return table


SCHEMAS, ROWS = schemas(), rows()
CONTRIBUTED = {key for key in ROWS if key[0] == "com.microsoft"}
"""Operators of ONNX Runtime, which the onnx package does not know."""


def float32_only(schema: OpSchema) -> tuple[int, int]:
    """Bits of the inputs and outputs that may be float32 and may not be float16."""
    allowed = {c.type_param_str: set(c.allowed_type_strs) for c in schema.type_constraints}

    def bits(slots) -> int:
        types = [allowed.get(slot.type_str, {slot.type_str}) for slot in slots]
        return sum(
            1 << i
            for i, kinds in enumerate(types)
            if "tensor(float)" in kinds and "tensor(float16)" not in kinds
        )

    return bits(schema.inputs), bits(schema.outputs)


def test_what_is_bound_to_float32():
    row = re.compile(r"^FLOAT32\((\w+), (\d+), ([\d |]+), ([\d |]+)\)$", re.M)
    text = (OPS / "float32.def").read_text()
    table = row.findall(text)
    assert len(table) == len(re.findall(r"^FLOAT32\(", text, re.M))
    for (domain, name), versions in SCHEMAS.items():
        if domain:
            continue
        for schema in versions:
            if schema.deprecated:
                continue
            slots = [len(schema.inputs), len(schema.outputs)]
            found = [0, 0]
            for op, until, inputs, outputs in table:
                if op == name and (until == "0" or schema.since_version < int(until)):
                    for i, bits in enumerate((inputs, outputs)):
                        found[i] |= sum(int(bit) for bit in bits.split("|"))
            here = tuple(bits & (1 << n) - 1 for bits, n in zip(found, slots, strict=True))
            assert here == float32_only(schema), (name, schema.since_version)


def test_same_operators_in_search_order():
    assert set(ROWS) - CONTRIBUTED == set(SCHEMAS)
    assert list(ROWS) == sorted(ROWS)
    assert sorted(DOMAINS) == DOMAINS


def test_newest_opset():
    header = (OPS / "ops.h").read_text()
    assert int(re.search(r"ONNX_NEWEST_OPSET (\d+)", header)[1]) == onnx.defs.onnx_opset_version()
    known = dict(re.findall(r'\{"([\w.]+)", (\d+)\}', (OPS / "ops.c").read_text()))
    for domain in DOMAINS[1:]:
        assert int(known[domain]) == max(
            v[-1].since_version for k, v in SCHEMAS.items() if k[0] == domain
        )


def test_kernels_are_those_of_onnx_runtime():
    text = (OPS / "ops.def").read_text()
    assert ort_kernels.filled(text) == text, "run tools/ort_kernels.py"


def test_a_kernel_runs_every_older_definition_too():
    """Whether a definition has a kernel can so be told by one number."""
    known = ort_kernels.kernels()
    for key, (_, versions, _) in ROWS.items():
        have = [ort_kernels.runs(v, known[key]) for v in versions]
        recent = have[have.index(True) :] if any(have) else []
        assert recent == sorted(recent, reverse=True), key


@pytest.mark.parametrize("key", sorted(SCHEMAS), ids="::".join)
def test_row(key):
    arity, versions, facts = ROWS[key]
    history = SCHEMAS[key]

    def most(counts):
        return -1 if max(counts) >= 2**31 - 1 else max(counts)

    assert arity == [
        min(s.min_input for s in history),
        most([s.max_input for s in history]),
        min(s.min_output for s in history),
        most([s.max_output for s in history]),
    ]
    assert versions == [s.since_version for s in history]
    variadic = any(
        s.inputs and s.inputs[-1].option == OpSchema.FormalParameterOption.Variadic for s in history
    )
    assert ("OP_VARIADIC" in facts) == variadic


# Random only in training mode (the attribute or input decides), or not random at all (AffineGrid is a function over
# a random-free body); bodies make a node as random as they are.
NOT_RANDOM = {"Dropout", "AffineGrid"}


@pytest.mark.parametrize("key", sorted(SCHEMAS), ids="::".join)
def test_facts(key):
    _, _, facts = ROWS[key]
    newest = SCHEMAS[key][-1]
    bodies = any(a.type == OpSchema.AttrType.GRAPH for a in newest.attributes.values())
    assert ("OP_CONTROL" in facts) == bodies
    if (
        "NonDeterministic" in str(newest.node_determinism)
        and key[1] not in NOT_RANDOM
        and not bodies
    ):
        assert "OP_RANDOM" in facts
    if facts & {"OP_RANDOM", "OP_EFFECT", "OP_CONTROL"}:
        assert not facts & {
            "OP_MOVES_DATA",
            "OP_EXACT",
            "OP_INT_EXACT",
            "OP_COMMUTES",
            "OP_ELEMENTWISE",
        }
    if "OP_COMMUTES" in facts:  # two operands of one type
        assert newest.min_input == newest.max_input == 2
        assert newest.inputs[0].type_str == newest.inputs[1].type_str
    if "OP_IDEMPOTENT" in facts:
        assert newest.max_input == newest.max_output == 1 and not newest.attributes
        assert newest.inputs[0].type_str == newest.outputs[0].type_str
    if "OP_LAYOUT_AGNOSTIC" in facts:
        assert "OP_ELEMENTWISE" in facts and newest.max_output == 1
    if "OP_BROADCASTS" in facts:
        assert "OP_ELEMENTWISE" in facts and newest.max_input > 1
        assert "broadcast" in newest.doc.lower()
    assert not {"OP_EXACT", "OP_INT_EXACT"} <= facts
    assert ("OP_QUANT" in facts) == bool(
        re.search("[qQ]uantize|QLinear|MatMulInteger|ConvInteger", key[1])
    )


def test_commuting_operators_are_known():
    symmetric = {"Add", "Mul", "And", "Or", "Xor", "Equal", "BitwiseAnd", "BitwiseOr", "BitwiseXor"}
    assert {name for (_, name), row in ROWS.items() if "OP_COMMUTES" in row[2]} == symmetric


def parse_default(kind, text):
    if kind == "NONE":
        return None
    if kind == "INT":
        return int(text)
    if kind == "FLOAT":
        return np.float32(text.removesuffix("f"))
    if kind == "STRING":
        return text.strip('"').encode()
    return [int(v) for v in re.fullmatch(r"LIST\((.+)\)", text)[1].split(",")]


def test_attribute_defaults():
    text = (OPS / "attrs.def").read_text()
    found = DEFAULT.findall(text)
    assert len(found) == len(re.findall(r"^ATTR_", text, re.M))
    order = [name for _, name in ROWS]
    assert [order.index(f[1]) for f in found] == sorted(order.index(f[1]) for f in found)

    table = defaultdict(list)
    for kind, op, attribute, since, value in found:
        table[op, attribute].append((int(since), parse_default(kind, value)))
    for (domain, op), history in SCHEMAS.items():
        for schema in history:
            names = set(schema.attributes) | {a for (o, a) in table if o == op}
            for name in names:
                at = [row for row in table.get((op, name), []) if row[0] <= schema.since_version]
                assert [row[0] for row in at] == sorted({row[0] for row in at})
                ours = at[-1][1] if at else None
                theirs = None
                if name in schema.attributes and schema.attributes[name].default_value.type:
                    theirs = helper.get_attribute_value(schema.attributes[name].default_value)
                if isinstance(theirs, list) and isinstance(theirs[0], bytes):
                    theirs = None  # lists of strings are left out
                if isinstance(theirs, float):
                    theirs = np.float32(theirs)
                where = f"{domain}::{op}-{schema.since_version}.{name}"
                assert ours == theirs and type(ours) is type(theirs), where


def test_facts_are_bits_of_their_own():
    bits = re.findall(r"^  (OP_\w+) = 1 << (\d+)", (OPS / "ops.h").read_text(), re.M)
    assert len({bit for _, bit in bits}) == len(bits) == len({name for name, _ in bits})


def test_first_inputs_are_needed_but_of_control_flow():
    """op_fits() takes a node for an unknown one if an input below the least count is left out."""
    for key, history in SCHEMAS.items():
        arity, _, facts = ROWS[key]
        for schema in history:
            optional = [
                p.option == OpSchema.FormalParameterOption.Optional
                for p in schema.inputs[: arity[0]]
            ]
            assert not any(optional) or "OP_CONTROL" in facts, key


# --- nodes at every opset ----------------------------------------------------------------------------------------

NEWEST = onnx.defs.onnx_opset_version()
BROADCASTS_BY_ATTRIBUTE = 7
"""Below it, what is elementwise with two operands is left alone (op_find())."""
VERSIONED = {"": NEWEST, "ai.onnx.ml": 5}
MOST = 6
"""Inputs and outputs of a variadic operator."""


def schema(domain: str, name: str, version: int) -> OpSchema | None:
    """Return the definition in force, None if there is none or it is withdrawn."""
    history = [s for s in SCHEMAS[domain, name] if s.since_version <= version]
    return history[-1] if history and not history[-1].deprecated else None


def is_left_alone(domain: str, name: str, version: int) -> bool:
    arity, _, facts = ROWS[domain, name]
    newer = schema(domain, name, BROADCASTS_BY_ATTRIBUTE)
    changed = newer is not None and newer.since_version == BROADCASTS_BY_ATTRIBUTE
    elementwise = "OP_ELEMENTWISE" in facts and arity[1] == 2
    return not domain and version < BROADCASTS_BY_ATTRIBUTE and changed and elementwise


def nodes(domain: str, version: int):
    """Yield a node for the fewest and for the most inputs and outputs of every operator, with its definition."""
    for key in SCHEMAS:
        found = schema(*key, version) if key[0] == domain else None
        if not found:
            continue
        for least in (True, False):
            bounds = ((found.min_input, found.max_input), (found.min_output, found.max_output))
            ins, outs = (low if least else max(low, min(most, MOST)) for low, most in bounds)
            inputs = [f"x{i}" for i in range(ins)]
            outputs = [f"{key[1]}{least}{i}" for i in range(outs)]
            yield helper.make_node(key[1], inputs, outputs, domain=domain), found


def wanted(domain: str, found: OpSchema, version: int) -> tuple[int, dict[str, object]]:
    """Return since when the definition holds, and the attributes that have a default then."""
    if is_left_alone(domain, found.name, version):
        return 0, {}
    defaults = {
        name: helper.get_attribute_value(a.default_value)
        for name, a in found.attributes.items()
        if a.default_value.type
    }
    texts = {
        k: v for k, v in defaults.items() if not (isinstance(v, list) and isinstance(v[0], bytes))
    }
    return found.since_version, texts


def said(value: str, like) -> object:
    """Return an attribute that the tool printed, as the type it should have."""
    if isinstance(like, bytes):
        return value.encode()
    if isinstance(like, list):
        return [int(v) for v in value.split(",")]
    return np.float32(float.fromhex(value)) if isinstance(like, float) else int(value)


CASES = [(d, v) for d, newest in VERSIONED.items() for v in range(1, newest + 1)]


@pytest.fixture(scope="module")
def lines(build, tmp_path_factory) -> dict:
    """Return what the tool says of every node, for all domains and versions."""
    folder, models = tmp_path_factory.mktemp("ops"), {}
    inputs = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [2, 3]) for i in range(64)]
    for domain, version in CASES:
        made = [node for node, _ in nodes(domain, version)]
        opsets = [helper.make_opsetid(domain, version)]
        path = folder / f"{domain or 'ai.onnx'}.{version}.onnx"
        onnx.save(
            helper.make_model(helper.make_graph(made, "g", inputs, []), opset_imports=opsets), path
        )
        models[domain, version] = path
    paths = "\n".join(map(str, models.values()))
    subprocess.run([build / "ops_tool"], input=paths, text=True, check=True)
    return {
        case: path.with_name(f"{path.name}.ops").read_text().splitlines()
        for case, path in models.items()
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_operator(lines, case):
    domain, version = case
    expected = list(nodes(domain, version))
    assert len(lines[case]) == len(expected) > 0
    for line, (node, found) in zip(lines[case], expected, strict=True):
        name, since, *attributes = line.split("\t")
        assert name == node.op_type
        has = dict(a.split("=", 1) for a in attributes)
        holds, defaults = wanted(domain, found, version)
        assert int(since) == holds, line
        assert set(has) == set(defaults), line
        for key, value in defaults.items():
            like = np.float32(value) if isinstance(value, float) else value
            assert said(has[key], value) == like, (line, key)

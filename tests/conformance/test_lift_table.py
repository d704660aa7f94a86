"""lift.def against the schemas of the onnx package: every step of every operator is classified, and rightly."""

import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path

import onnx.defs
import pytest
from onnx import helper
from onnx.defs import OpSchema

ROOT = Path(__file__).resolve().parents[2]
FLOOR = 7
ROW = re.compile(r"^(SAME|LIFT|BAR)\((\w+), ([^)]+)\)$", re.MULTILINE)


def schemas() -> dict[str, list[OpSchema]]:
    """Return the definitions of every operator of ai.onnx, oldest first."""
    table = defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            table[schema.name].append(schema)
    return {name: sorted(v, key=lambda s: s.since_version) for name, v in table.items()}


def rows() -> list[tuple[str, str, int]]:
    """Return (kind, operator, version) of every step in the table, in its order."""
    text = (ROOT / "src" / "passes" / "lift" / "lift.def").read_text()
    found = []
    for kind, op, rest in ROW.findall(text):
        versions = rest.split(", ") if kind == "SAME" else [rest.split(", ", 1)[0]]
        found += [(kind, op, int(v)) for v in versions]
    return found


SCHEMAS, ROWS = schemas(), rows()
STEPS = [
    (name, a, b)
    for name, history in sorted(SCHEMAS.items())
    for a, b in pairwise(history)
    if b.since_version > FLOOR
]


def test_every_step_is_classified_once():
    steps = sorted((name, b.since_version) for name, _, b in STEPS)
    assert [(op, version) for _, op, version in ROWS] == steps


def types(schema: OpSchema, parameter) -> set[str]:
    allowed = {t.type_param_str: set(t.allowed_type_strs) for t in schema.type_constraints}
    return allowed.get(parameter.type_str, {parameter.type_str})


def default(attribute):
    """Return the default of an attribute, None if there is none."""
    if not attribute.default_value.type:
        return None
    return helper.get_attribute_value(attribute.default_value)


def tied(a: OpSchema, b: OpSchema) -> list[str]:
    """Name parameters that must be of one type in `b` and need not in `a`."""
    pairs = [*zip(a.inputs, b.inputs, strict=False), *zip(a.outputs, b.outputs, strict=False)]
    return [
        f"{p.name} like {r.name}"
        for (p, q), (r, s) in combinations(pairs, 2)
        if q.type_str == s.type_str and p.type_str != r.type_str and len(types(b, q)) > 1
    ]


def lost(a: OpSchema, b: OpSchema) -> list[str]:
    """Name what a node written for `a` may have that `b` does not take for the same."""
    found = tied(a, b) + (["deprecated"] if b.deprecated else [])
    option = OpSchema.FormalParameterOption
    for kind in ("inputs", "outputs"):
        old, new = getattr(a, kind), getattr(b, kind)
        found += [f"{kind}[{i}]" for i in range(len(new), len(old))]
        found += [p.name for p in new[len(old) :] if p.option == option.Single]
        for p, q in zip(old, new, strict=False):
            if p.option != q.option and q.option != option.Optional:
                found.append(f"{p.name} is {q.option}")
            found += [f"{p.name}: {t}" for t in sorted(types(a, p) - types(b, q))]
    for name, attribute in a.attributes.items():
        if name not in b.attributes or b.attributes[name].type != attribute.type:
            found.append(f"attribute {name}")
        elif default(attribute) != default(b.attributes[name]):
            found.append(f"default of {name}")
    found += [
        f"attribute {name} is required"
        for name, attribute in b.attributes.items()
        if name not in a.attributes and attribute.required
    ]
    return found


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s[0]}-{s[2].since_version}")
def test_same_loses_nothing(step):
    name, a, b = step
    if ("SAME", name, b.since_version) in ROWS:
        assert lost(a, b) == []


def test_ir_versions():
    source = (ROOT / "src" / "ops" / "ops.c").read_text()
    table = source.split("ir_versions[] = {", 1)[1].split("};", 1)[0]
    ours = [tuple(map(int, pair)) for pair in re.findall(r"\{(\d+), (\d+)\}", table)]
    least = {}
    for _, ir, opset, *_ in helper.VERSION_TABLE:
        least.setdefault(opset, ir)
    for opset, ir in least.items():
        assert [i for first, i in ours if first <= opset][-1] == ir, opset


def test_passes_declare_what_may_lose_its_kernel():
    """`--opset max` must know which operators a pass makes that newer opsets take the kernel from."""
    table = (ROOT / "src" / "ops" / "ops.def").read_text()
    rows = re.findall(r'^OP\((\w+), "",.*VERSIONS\(([\d, ]+)\), (\d+)', table, re.MULTILINE)
    losing = {op for op, since, k in rows if 0 < int(k) < int(since.split(",")[-1])}
    sources = [*(ROOT / "src" / "passes").rglob("*.c")]
    made, declared = set(), set()
    for path in sources:
        text = path.read_text()
        made |= set(re.findall(r"rw_node(?:_n)?\(\s*rw,\s*OP_(\w+)", text))
        made |= set(
            re.findall(r"(\w+)\(", " ".join(re.findall(r'\.replace\s*=\s*"([^"]*)"', text)))
        )
        declared |= set(re.findall(r"\.makes\s*=\s*OP_(\w+)", text))
    assert made & losing <= declared

"""What the library reports, as frozen dataclasses over its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Record:
    """Base: built from JSON; ``nested`` names the fields whose objects or lists are records themselves."""

    nested: ClassVar[Mapping[str, type[Record]]] = {}

    @classmethod
    def of(cls: type[R], data: Mapping[str, Any]) -> R:
        """Return the record of a JSON object."""
        values: dict[str, Any] = {}
        for item in fields(cls):
            if item.name not in data:
                continue
            value, kind = data[item.name], cls.nested.get(item.name)
            if kind and isinstance(value, list):
                value = tuple(kind.of(row) for row in value)
            elif kind and value is not None:
                value = kind.of(value)
            elif isinstance(value, list):
                value = tuple(value)
            values[item.name] = value
        return cls(**values)


@dataclass(frozen=True)
class Change(Record):
    """A number before and after."""

    before: int
    after: int


@dataclass(frozen=True)
class Seconds(Record):
    """Where the time went."""

    read: float
    optimize: float
    write: float
    verify: float


@dataclass(frozen=True)
class OperatorChange(Record):
    """Nodes of one operator; domain ``""`` is ai.onnx. Bodies and functions count."""

    domain: str
    op_type: str
    before: int
    after: int


@dataclass(frozen=True)
class PassStatistics(Record):
    """What a pass did: attempts, rewrites, refusals; change of nodes and of the constants' bytes; seconds."""

    name: str
    tried: int
    fired: int
    missed: int
    nodes: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class RuleStatistics(Record):
    """The same for one rule."""

    # "pass" is no name in Python.
    rule: str
    tried: int
    fired: int
    missed: int
    nodes: int
    bytes: int
    seconds: float
    pass_name: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> RuleStatistics:
        """Return the record of a JSON object."""
        return super().of({**data, "pass_name": data["pass"]})


@dataclass(frozen=True)
class Remark(Record):
    """A rewrite (``fired``) or a refusal and its reason; ``node`` is like ``Conv '/conv1/Conv'``."""

    fired: bool
    rule: str
    node: str
    text: str
    pass_name: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Remark:
        """Return the record of a JSON object."""
        return super().of({**data, "pass_name": data["pass"]})


@dataclass(frozen=True)
class FrozenAxis(Record):
    """An axis that got a size; ``dim`` is the name it had."""

    value: str
    is_input: bool
    axis: int
    dim: str | None
    size: int


@dataclass(frozen=True)
class OpsetChange(Record):
    """The lift of the opset, and what held it back."""

    before: int
    after: int
    reason: str | None


@dataclass(frozen=True)
class Finding(Record):
    """What a target cannot take, or may compute otherwise: ``refused``, ``risky``, ``untried``."""

    verdict: str
    where: str
    reason: str


@dataclass(frozen=True)
class FusedPair(Record):
    """A convolution and its activation that the converter of the target makes one."""

    conv: str
    activation: str
    becomes: str


@dataclass(frozen=True)
class TargetCheck(Record):
    """What a target says of the result."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"findings": Finding, "pairs": FusedPair}

    target: str
    through: str
    refused: int
    risky: int
    untried: int
    findings: tuple[Finding, ...]
    pairs: tuple[FusedPair, ...]


@dataclass(frozen=True)
class Difference(Record):
    """One output for one seed at one of ONNX Runtime's levels (``default``, ``off``)."""

    output: str
    level: str
    seed: int
    ok: bool
    bitwise: bool
    max_diff: float
    max_rel_diff: float
    max_ulp: float
    tolerance: float
    largest: float
    self_diff: float


@dataclass(frozen=True)
class Verification(Record):
    """Two models compared in ONNX Runtime; numbers are the largest over all rows."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"rows": Difference}

    passed: bool
    bitwise: bool
    seeds: int
    max_diff: float
    max_rel_diff: float
    max_ulp: float
    largest: float
    self_diff: float
    failure: str | None
    runtime: str | None
    runtime_path: str | None
    rows: tuple[Difference, ...]


@dataclass(frozen=True)
class Report(Record):
    """A run: sizes in bytes with external data, times in seconds."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "nodes": Change,
        "bytes": Change,
        "seconds": Seconds,
        "frozen": FrozenAxis,
        "opset": OpsetChange,
        "ops": OperatorChange,
        "passes": PassStatistics,
        "rules": RuleStatistics,
        "remarks": Remark,
        "target": TargetCheck,
        "verification": Verification,
    }

    version: str
    input: str | None
    output: str | None
    rewrites: int
    nodes: Change
    bytes: Change
    seconds: Seconds
    frozen: tuple[FrozenAxis, ...]
    ops: tuple[OperatorChange, ...]
    passes: tuple[PassStatistics, ...]
    rules: tuple[RuleStatistics, ...]
    remarks: tuple[Remark, ...]
    opset: OpsetChange | None = None
    target: TargetCheck | None = None
    verification: Verification | None = None


@dataclass(frozen=True)
class Value(Record):
    """An input or output; ``type`` is like ``float[batch,3,224,224]``."""

    name: str
    type: str


@dataclass(frozen=True)
class Opset(Record):
    """An imported operator set; domain ``""`` is ai.onnx."""

    domain: str
    version: int


@dataclass(frozen=True)
class OperatorCount(Record):
    """Nodes of one operator."""

    domain: str
    op_type: str
    count: int


@dataclass(frozen=True)
class Summary(Record):
    """A model in numbers; sizes in bytes, ``bytes`` without external data."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "opsets": Opset,
        "inputs": Value,
        "outputs": Value,
        "ops": OperatorCount,
    }

    version: str
    graph_name: str
    ir_version: int
    nodes: int
    bodies: int
    functions: int
    initializers: int
    initializer_bytes: int
    parameters: int
    bytes: int
    external_bytes: int
    opsets: tuple[Opset, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    ops: tuple[OperatorCount, ...]


@dataclass(frozen=True)
class AttributionRow(Record):
    """A pass alone; ``nodes`` and ``bytes`` are changes, ``flags`` what was added to the options for it."""

    flags: str | None
    pairs: int
    nodes: int
    bytes: int
    nodes_after: int
    bytes_after: int
    rewrites: int
    seconds: float
    pass_name: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> AttributionRow:
        """Return the record of a JSON object."""
        return super().of({**data, "pass_name": data["pass"]})


@dataclass(frozen=True)
class Attribution(Record):
    """What each pass does alone on the model as it is; the last row (``all``) is all enabled ones together."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"rows": AttributionRow}

    version: str
    nodes: int
    bytes: int
    rows: tuple[AttributionRow, ...] = field(default_factory=tuple)

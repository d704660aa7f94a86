"""What the library reports, as frozen dataclasses over its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Record:
    """Base: built from JSON; ``nested`` names the fields whose objects or lists are records themselves.

    ``pass_name`` is JSON's ``pass``, which is no name in Python.
    """

    nested: ClassVar[Mapping[str, type[Record]]] = {}

    @classmethod
    def of(cls: type[R], data: Mapping[str, Any]) -> R:
        """Return the record of a JSON object."""
        values: dict[str, Any] = {}
        for item in fields(cls):
            key = item.name.removesuffix("_name") if item.name == "pass_name" else item.name
            if key not in data:
                continue
            value, kind = data[key], cls.nested.get(key)
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

    rule: str
    tried: int
    fired: int
    missed: int
    nodes: int
    bytes: int
    seconds: float
    pass_name: str = ""


@dataclass(frozen=True)
class Remark(Record):
    """A rewrite (``fired``) or a refusal and its reason; ``node`` is like ``Conv '/conv1/Conv'``.

    Attributes:
        removed: nodes that went with the rewrite, as they were called when the rules began.
        made: nodes that it made.
    """

    fired: bool
    rule: str
    node: str
    text: str
    removed: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    pass_name: str = ""


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
class Dim(Record):
    """A dim of inputs and outputs that has no size.

    ``axes`` says where it stands (``x[0], y[0]``), ``assumed`` the size it is taken to have in the numbers of
    memory (-1: none).
    """

    name: str | None
    axes: str
    assumed: int


@dataclass(frozen=True)
class DtypeSize(Record):
    """The initializers of one element type."""

    dtype: str
    tensors: int
    elements: int
    bytes: int


@dataclass(frozen=True)
class TensorSize(Record):
    """A large tensor; ``size`` is its bytes as far as they are known, like ``3072*batch*seq``."""

    name: str
    type: str
    node: str | None
    size: str
    bytes: int


@dataclass(frozen=True)
class Memory(Record):
    """What the values take that nodes of the main graph compute: all, and at most at one time (at ``peak_node``)."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "largest_initializers": TensorSize,
        "largest_activations": TensorSize,
    }

    activation_bytes: int
    peak_bytes: int
    peak_node: str | None
    activations: int
    unknown: int
    largest_initializers: tuple[TensorSize, ...]
    largest_activations: tuple[TensorSize, ...]


@dataclass(frozen=True)
class Summary(Record):
    """A model in numbers; sizes in bytes, ``bytes`` without external data."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "opsets": Opset,
        "inputs": Value,
        "outputs": Value,
        "ops": OperatorCount,
        "dims": Dim,
        "dtypes": DtypeSize,
        "memory": Memory,
    }

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
    producer_name: str
    producer_version: str
    model_domain: str
    model_version: int
    dims: tuple[Dim, ...]
    dtypes: tuple[DtypeSize, ...]
    memory: Memory


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


@dataclass(frozen=True)
class Attribution(Record):
    """What each pass does alone on the model as it is; the last row (``all``) is all enabled ones together."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"rows": AttributionRow}

    nodes: int
    bytes: int
    rows: tuple[AttributionRow, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Refusal(Record):
    """A rule whose nodes are all there, and which was refused; see ``onnxslim_refusal``.

    ``off``: the rule is not enabled. ``guards``: how many refuse. ``nodes``: of the match, the last one first.
    """

    rule: str
    pattern: str | None
    node: str
    value: str | None
    reason: str
    off: bool
    guards: int
    all_asked: bool
    nodes: tuple[str, ...]
    pass_name: str = ""


@dataclass(frozen=True)
class Remaining(Record):
    """A node of the optimized model; ``refusals`` are indices of those that it would be part of."""

    node: str
    op: str
    value: str | None
    graph: str
    refusals: tuple[int, ...]


@dataclass(frozen=True)
class Removed(Record):
    """A node that was asked for and is no more, and the rewrite that it went with."""

    node: str
    value: str | None
    rule: str | None
    at: str | None
    text: str | None
    pass_name: str | None = None


@dataclass(frozen=True)
class Reason(Record):
    """Refusals of one rule for one reason; ``close``: those with one thing in the way."""

    rule: str
    reason: str
    off: bool
    count: int
    close: int
    example: str
    pass_name: str = ""


@dataclass(frozen=True)
class OperatorRefusals(Record):
    """Nodes of one operator that stayed, and how many of them are part of a refusal."""

    domain: str
    op_type: str
    nodes: int
    refused: int
    close: int
    rules: int


@dataclass(frozen=True)
class Start(Record):
    """A rule that starts at an operator that was asked for; ``off``: why it is not enabled."""

    op: str
    rule: str
    pattern: str | None
    off: str | None
    pass_name: str = ""


@dataclass(frozen=True)
class Explanation(Record):
    """Why nodes are still there."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "nodes": Remaining,
        "removed": Removed,
        "refusals": Refusal,
        "reasons": Reason,
        "ops": OperatorRefusals,
        "starts": Start,
    }

    asked: str | None
    nodes_before: int
    nodes_after: int
    rewrites: int
    nodes: tuple[Remaining, ...]
    removed: tuple[Removed, ...]
    refusals: tuple[Refusal, ...]
    reasons: tuple[Reason, ...]
    ops: tuple[OperatorRefusals, ...]
    starts: tuple[Start, ...]


@dataclass(frozen=True)
class ImportedOpset(Record):
    """A domain that one or both models import; 0: not imported."""

    domain: str
    before: int
    after: int


@dataclass(frozen=True)
class ValueFate(Record):
    """What became of an input or output: ``kept``, ``changed``, ``gone``, ``new``."""

    fate: str
    before: str | None
    after: str | None
    before_type: str | None
    after_type: str | None


@dataclass(frozen=True)
class NodeChange(Record):
    """What is different: ``operator``, ``attribute axis``, ``input 1``, ...; None: there is none."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class NodeFate(Record):
    """What became of a node: ``kept``, ``changed``, ``gone``, ``new``; matched by ``name`` or ``structure``."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"changes": NodeChange}

    fate: str
    graph: str
    before: str | None
    after: str | None
    before_op: str | None
    after_op: str | None
    before_value: str | None
    after_value: str | None
    matched: str | None
    changes: tuple[NodeChange, ...]


@dataclass(frozen=True)
class Diff(Record):
    """What is different between two models; counts are of nodes, those of bodies and functions too."""

    nested: ClassVar[Mapping[str, type[Record]]] = {
        "before": Summary,
        "after": Summary,
        "ops": OperatorChange,
        "opsets": ImportedOpset,
        "inputs": ValueFate,
        "outputs": ValueFate,
        "nodes": NodeFate,
    }

    kept: int
    changed: int
    gone: int
    new: int
    before: Summary
    after: Summary
    ops: tuple[OperatorChange, ...]
    opsets: tuple[ImportedOpset, ...]
    inputs: tuple[ValueFate, ...]
    outputs: tuple[ValueFate, ...]
    nodes: tuple[NodeFate, ...]

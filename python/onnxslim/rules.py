"""Rules of your own, in the rule text of the library, with a guard in Python if the text does not say it all.

>>> from onnxslim import Rule, optimize
>>> def is_six(match):
...     return match.constant("c").item() == 6.0
>>> rule = Rule("relu6", "Min(Relu(x), c#)", "custom::Relu6(x)", guard=is_six, bitwise=True)
>>> optimize("in.onnx", "out.onnx", rules=[rule])
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, c_size_t, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxslim._library import Attribute, GuardCallback, MatchNode, MatchValue, UserRule, lib

if TYPE_CHECKING:
    import numpy as np

    from onnxslim._native import Context

# TensorProto.DataType -> the name that numpy, or ml_dtypes, has for it.
DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "object",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
}


@dataclass(frozen=True)
class MatchedValue:
    """A value of a match.

    Attributes:
        name: its name in the model.
        dtype: like ``float32``; None if it is not known.
        shape: a number, a name or None for each dim; None if the rank is not known.
        is_constant: its elements are known, see ``Match.constant``.
        uses: how often nodes read it.
    """

    name: str
    dtype: str | None
    shape: tuple[int | str | None, ...] | None
    is_constant: bool
    uses: int


@dataclass(frozen=True)
class MatchedNode:
    """A node of a match; domain ``""`` is ai.onnx."""

    name: str
    domain: str
    op_type: str
    opset: int


class Match:
    """What a rule has matched, to look at. It may be used in the guard only."""

    def __init__(self, handle: int) -> None:
        self._handle: c_void_p | None = c_void_p(handle)
        self._reason: str | None = None

    def _alive(self) -> c_void_p:
        if self._handle is None:
            raise RuntimeError("a match exists only while its guard runs")
        return self._handle

    def _end(self) -> None:
        self._handle = None

    def value(self, capture: str) -> MatchedValue | None:
        """Return a captured value; None if it is an optional input that was left out, or no capture."""
        value = MatchValue()
        if not lib.onnxslim_match_value(self._alive(), capture.encode(), byref(value)):
            return None
        shape = tuple(
            value.dims[i]
            if value.dims[i] >= 0
            else value.dim_names[i].decode()
            if value.dim_names[i]
            else None
            for i in range(max(value.rank, 0))
        )
        return MatchedValue(
            value.name.decode(),
            DTYPES.get(value.dtype),
            shape if value.rank >= 0 else None,
            bool(value.constant),
            value.uses,
        )

    def constant(self, capture: str) -> np.ndarray[Any, Any] | None:
        """Return a copy of a constant's elements as an array; None if the value is not constant.

        bfloat16 comes as uint16, the 8-bit floats as uint8; packed 4-bit types and strings are None.
        """
        import numpy as np

        handle, size = self._alive(), c_size_t()
        known = self.value(capture)
        if known is None or known.dtype is None or known.shape is None:
            return None
        address = lib.onnxslim_match_constant(handle, capture.encode(), byref(size))
        if not address:
            return None
        kind = known.dtype
        stored = "uint16" if kind == "bfloat16" else "uint8" if kind.startswith("float8") else kind
        dims = tuple(dim for dim in known.shape if isinstance(dim, int))
        return np.frombuffer(ctypes.string_at(address, size.value), dtype=stored).reshape(dims)

    def node(self, capture: str = "") -> MatchedNode | None:
        """Return a captured node (``Conv:conv(...)``), or the last one of the match."""
        node = MatchNode()
        if not lib.onnxslim_match_node(self._alive(), capture.encode(), byref(node)):
            return None
        return MatchedNode(
            node.name.decode(), node.domain.decode(), node.op_type.decode(), node.opset
        )

    def attribute(
        self, name: str, capture: str = ""
    ) -> int | float | bytes | tuple[int, ...] | tuple[float, ...] | None:
        """Return an attribute of such a node as written, or its default; None if it has neither."""
        found = Attribute()
        asked = lib.onnxslim_match_attribute(
            self._alive(), capture.encode(), name.encode(), byref(found)
        )
        if not asked:
            return None
        if found.type == 1:
            return float(found.f)
        if found.type == 2:
            return int(found.i)
        if found.type == 3:
            return ctypes.string_at(found.s, found.size)
        if found.type == 6:
            return tuple(float(found.floats[i]) for i in range(found.size))
        return tuple(int(found.ints[i]) for i in range(found.size))

    def refuse(self, reason: str) -> bool:
        """Say why the guard refuses, for the remarks; returns False, to be returned by the guard."""
        lib.onnxslim_match_refuse(self._alive(), reason.encode())
        return False


@dataclass(frozen=True)
class Rule:
    """A rewrite: what ``match`` fits becomes ``replace``. The text is explained in docs/rules.md.

    Attributes:
        name: like ``fuse-my-norm``; no rule of the library has it.
        match: like ``Add(MatMul(a, b), c#)``.
        replace: like ``Gemm(a, b, c)``; must leave fewer nodes, or the rule is refused.
        guard: looks at a match and returns whether to rewrite; None: always.
        bitwise: the result has the same bits; False: it may round, and ``exact=True`` leaves it out.
        doc: one line.
    """

    name: str
    match: str
    replace: str
    guard: Callable[[Match], object] | None = None
    bitwise: bool = False
    doc: str | None = None


def add_rules(context: Context, options: c_void_p, rules: Sequence[Rule]) -> None:
    """Add rules to options.

    Raises:
        UsageError: a text cannot be read, or a name is taken.
    """
    for rule in rules:
        guard = context.guard(_guard(rule.guard)) if rule.guard else GuardCallback()
        made = UserRule(
            rule.name.encode(),
            rule.match.encode(),
            rule.replace.encode(),
            None if rule.doc is None else rule.doc.encode(),
            int(rule.bitwise),
            guard,
            None,
        )
        context.check(lib.onnxslim_options_add_rule(options, byref(made)))


def _guard(holds: Callable[[Match], object]) -> Callable[[int], bool]:
    def call(handle: int) -> bool:
        match = Match(handle)
        try:
            return bool(holds(match))
        finally:
            match._end()

    return call

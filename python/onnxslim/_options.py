"""Options as Python values, and the text that the C library takes for them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from onnxslim._library import lib
from onnxslim.errors import UsageError

# onnxslim_option_type
_SWITCH, _NUMBER, _BYTES, _TEXT, _CHOICE, _NAMES, _PASSES, _RULES, _DIMS, _SHAPE = range(10)
_LISTS = (_NAMES, _PASSES, _RULES)


def _load_types() -> dict[str, tuple[int, bool]]:
    """Map each option to its type and whether a value may be left out."""
    types: dict[str, tuple[int, bool]] = {}
    i = 0
    while info := lib.onnxslim_option_info(i):
        row = info.contents
        types[row.name.decode()] = (row.type, row.implied is not None)
        i += 1
    return types


TYPES = _load_types()


def _refuse(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"option '{name}' wants {wanted}, not {value!r}")


def _listed(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        return ",".join(item.replace(",", "\\,") for item in value)
    raise _refuse(name, value, "a text or a list of texts")


def _dims(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ",".join(f"{dim}={int(size)}" for dim, size in value.items())
    raise _refuse(name, value, "a mapping from dim names to sizes")


def _dim(name: str, value: object) -> str:
    if value is None or value in ("?", -1):
        return "?"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _refuse(name, value, "dims that are whole numbers, None or '?'")


def shape_texts(name: str, value: object) -> list[str]:
    """Return ``NAME:D,D`` for each input of a mapping, or of a list that is written like this already."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [f"{key}:{','.join(_dim(name, d) for d in dims)}" for key, dims in value.items()]
    if isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        return [item.replace("-1", "?") for item in value]
    raise _refuse(name, value, "a mapping from input names to dims")


def option_texts(name: str, value: object) -> list[str | None]:
    """Return what to set the option to: one text for each time it is to be set.

    Raises:
        UsageError: there is no such option, or the value is of another type.
    """
    if name not in TYPES:
        near = lib.onnxslim_suggest(b"option", name.encode())
        hint = f" (did you mean '{near.decode()}'?)" if near else ""
        raise UsageError(f"there is no option '{name}'{hint}")
    kind, may_be_empty = TYPES[name]
    if value is True and (kind == _SWITCH or may_be_empty):
        return ["1" if kind == _SWITCH else None]
    if value is None or value is False:
        return []
    if kind == _SWITCH:
        raise _refuse(name, value, "True or False")
    if kind in (_NUMBER, _BYTES):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise _refuse(name, value, "a whole number")
        return [str(value)]
    if kind in _LISTS:
        return [_listed(name, value)]
    if kind == _DIMS:
        return [_dims(name, value)]
    if kind == _SHAPE:
        return list(shape_texts(name, value))
    if isinstance(value, (str, os.PathLike)):
        return [os.fspath(value)]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    raise _refuse(name, value, "a text")

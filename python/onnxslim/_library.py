"""The C library behind the package: found, opened and declared to ctypes.

``ONNXSLIM_LIBRARY`` names another library file than the one inside the package; for development.
Every call through a ``CDLL`` gives the interpreter lock back while C works.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

NAMES = ("libonnxslim.so", "libonnxslim.dylib", "onnxslim.dll", "libonnxslim.dll")

LogCallback = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ProgressCallback = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, c_uint64)
DumpCallback = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)


class Callbacks(Structure):
    """``onnxslim_callbacks``."""

    _fields_ = (
        ("log", LogCallback),
        ("progress", ProgressCallback),
        ("user", c_void_p),
        ("dump", DumpCallback),
    )


class OptionInfo(Structure):
    """``onnxslim_option_info_t``."""

    _fields_ = (
        ("name", c_char_p),
        ("argument", c_char_p),
        ("doc", c_char_p),
        ("type", c_int),
        ("standard", c_char_p),
        ("implied", c_char_p),
        ("group", c_char_p),
    )


class PassInfo(Structure):
    """``onnxslim_pass_info_t``."""

    _fields_ = (("name", c_char_p), ("doc", c_char_p), ("bitwise", c_int), ("by_default", c_int))


class RuleInfo(Structure):
    """``onnxslim_rule_info_t``."""

    _fields_ = (
        ("pass_name", c_char_p),
        ("name", c_char_p),
        ("doc", c_char_p),
        ("match", c_char_p),
        ("replace", c_char_p),
        ("bitwise", c_int),
    )


class MatchValue(Structure):
    """``onnxslim_match_value_t``."""

    _fields_ = (
        ("name", c_char_p),
        ("dtype", c_int),
        ("rank", c_int),
        ("dims", POINTER(c_int64)),
        ("dim_names", POINTER(c_char_p)),
        ("constant", c_int),
        ("uses", c_uint32),
    )


class MatchNode(Structure):
    """``onnxslim_match_node_t``."""

    _fields_ = (("name", c_char_p), ("domain", c_char_p), ("op_type", c_char_p), ("opset", c_int))


class Attribute(Structure):
    """``onnxslim_attribute``."""

    _fields_ = (
        ("type", c_int),
        ("i", c_int64),
        ("f", c_float),
        ("s", c_void_p),
        ("ints", POINTER(c_int64)),
        ("floats", POINTER(c_float)),
        ("size", c_size_t),
    )


GuardCallback = CFUNCTYPE(c_int, c_void_p, c_void_p)


class UserRule(Structure):
    """``onnxslim_rule_t``."""

    _fields_ = (
        ("name", c_char_p),
        ("match", c_char_p),
        ("replace", c_char_p),
        ("doc", c_char_p),
        ("bitwise", c_int),
        ("guard", GuardCallback),
        ("user", c_void_p),
    )


# The functions of include/onnxslim.h that the package calls: name, result, arguments. Texts that the caller
# has to free are c_void_p, as ctypes would copy a c_char_p and lose the address.
_OUT = POINTER(c_void_p)
FUNCTIONS: tuple[tuple[str, object, tuple[object, ...]], ...] = (
    ("context_new", c_void_p, (c_void_p, POINTER(Callbacks))),
    ("context_free", None, (c_void_p,)),
    ("error", c_char_p, (c_void_p,)),
    ("version", c_char_p, ()),
    ("option_info", POINTER(OptionInfo), (c_size_t,)),
    ("options_new", c_void_p, (c_void_p,)),
    ("options_set", c_int, (c_void_p, c_char_p, c_char_p)),
    ("options_free", None, (c_void_p,)),
    ("pass_info", c_int, (c_size_t, POINTER(PassInfo))),
    ("rule_info", c_int, (c_size_t, POINTER(RuleInfo))),
    ("suggest", c_char_p, (c_char_p, c_char_p)),
    ("load_with", c_int, (c_void_p, c_char_p, c_void_p, _OUT)),
    ("load_bytes", c_int, (c_void_p, c_void_p, c_size_t, c_char_p, _OUT)),
    ("lend", c_int, (c_void_p, c_char_p, c_void_p, c_size_t, c_char_p)),
    ("optimize", c_int, (c_void_p, c_void_p, _OUT)),
    ("save", c_int, (c_void_p, c_char_p, c_void_p)),
    ("save_bytes", c_int, (c_void_p, c_void_p, POINTER(POINTER(c_uint8)), POINTER(c_size_t))),
    ("model_free", None, (c_void_p,)),
    ("model_text", c_int, (c_void_p, c_void_p, _OUT)),
    ("buffer_free", None, (c_void_p, c_void_p)),
    ("report_free", None, (c_void_p,)),
    ("report_json", c_void_p, (c_void_p,)),
    ("inspect", c_int, (c_void_p, _OUT)),
    ("summary_free", None, (c_void_p,)),
    ("summary_json", c_void_p, (c_void_p,)),
    ("nodes", c_int, (c_void_p, _OUT)),
    ("node_list_free", None, (c_void_p,)),
    ("node_list_json", c_void_p, (c_void_p,)),
    ("verify", c_int, (c_void_p, c_char_p, c_char_p, c_void_p, _OUT)),
    ("verification_free", None, (c_void_p,)),
    ("verification_json", c_void_p, (c_void_p,)),
    ("attribution", c_int, (c_void_p, c_char_p, c_void_p, _OUT)),
    ("attribution_free", None, (c_void_p,)),
    ("attribution_json", c_void_p, (c_void_p,)),
    ("explain", c_int, (c_void_p, c_void_p, c_char_p, _OUT)),
    ("explanation_free", None, (c_void_p,)),
    ("explanation_json", c_void_p, (c_void_p,)),
    ("diff", c_int, (c_void_p, c_void_p, _OUT)),
    ("diff_free", None, (c_void_p,)),
    ("diff_json", c_void_p, (c_void_p,)),
    ("options_add_rule", c_int, (c_void_p, POINTER(UserRule))),
    ("match_value", c_int, (c_void_p, c_char_p, POINTER(MatchValue))),
    ("match_constant", c_void_p, (c_void_p, c_char_p, POINTER(c_size_t))),
    ("match_node", c_int, (c_void_p, c_char_p, POINTER(MatchNode))),
    ("match_attribute", c_int, (c_void_p, c_char_p, c_char_p, POINTER(Attribute))),
    ("match_refuse", None, (c_void_p, c_char_p)),
)


def find() -> str:
    """Return the path of the library: ``$ONNXSLIM_LIBRARY``, or the one beside this file.

    Raises:
        ImportError: there is none.
    """
    named = os.environ.get("ONNXSLIM_LIBRARY")
    if named:
        return named
    folder = os.path.dirname(os.path.realpath(__file__))
    for name in NAMES:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise ImportError(
        f"the onnxslim package in {folder} has no library inside; install it with pip, "
        "or set ONNXSLIM_LIBRARY to a libonnxslim.so"
    )


def _open() -> ctypes.CDLL:
    path = find()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"the library of onnxslim cannot be opened: {error}") from error
    for name, result, arguments in FUNCTIONS:
        function = getattr(library, f"onnxslim_{name}")
        function.restype = result
        function.argtypes = arguments
    return library


lib = _open()
__version__: str = lib.onnxslim_version().decode()

"""onnxslim: makes an ONNX model smaller and faster without changing what it computes.

>>> import onnxslim
>>> onnxslim.slim("in.onnx", "out.onnx")                  # drop-in for inisis' OnnxSlim
>>> model, ok = onnxslim.simplify(model, check_n=3)       # for onnxsim users
>>> result = onnxslim.optimize("in.onnx", exact=True)     # model, report, remarks, attribution

The work is done by a C library inside the package; the interpreter lock is free while it works.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; typing, which takes longer than all else here, is not imported
if TYPE_CHECKING:
    from typing import Any

    from onnxslim._library import __version__
    from onnxslim._optimize import (
        Result,
        attribution,
        diff,
        explain,
        inspect,
        optimize,
        to_text,
        verify,
    )
    from onnxslim._simplify import simplify
    from onnxslim._slim import slim
    from onnxslim._types import Options
    from onnxslim.errors import OnnxSlimError
    from onnxslim.rules import Match, Rule

__all__ = (
    "Match",
    "OnnxSlimError",
    "Options",
    "Result",
    "Rule",
    "__version__",
    "attribution",
    "diff",
    "explain",
    "inspect",
    "optimize",
    "simplify",
    "slim",
    "to_text",
    "verify",
)

# Where each name is. It is loaded when first asked for: a script that only slims starts faster.
_LATER = {
    "Match": "rules",
    "OnnxSlimError": "errors",
    "Options": "_types",
    "Result": "_optimize",
    "Rule": "rules",
    "__version__": "_library",
    "attribution": "_optimize",
    "diff": "_optimize",
    "explain": "_optimize",
    "inspect": "_optimize",
    "optimize": "_optimize",
    "simplify": "_simplify",
    "slim": "_slim",
    "to_text": "_optimize",
    "verify": "_optimize",
}
_MODULES = ("batch", "errors", "results", "rules")


def __getattr__(name: str) -> Any:
    """Load a name when it is first asked for."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"onnxslim.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'onnxslim' has no attribute '{name}'")
    value = getattr(import_module(f"onnxslim.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is loaded later, too."""
    return sorted({*globals(), *_LATER, *_MODULES})

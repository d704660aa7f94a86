"""The ONNX Runtime of this Python, for the C library to open."""

from __future__ import annotations

import os


def runtime_library() -> str | None:
    """Return the library inside the onnxruntime package, which is not imported for it.

    None: there is none, or ``$ONNXSLIM_ORT`` names another one; the C library then looks elsewhere.
    """
    if os.environ.get("ONNXSLIM_ORT"):
        return None
    from importlib.util import find_spec
    from pathlib import Path

    try:
        spec = find_spec("onnxruntime")
    except (ImportError, ValueError):
        return None
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted((Path(folder) / "capi").glob("libonnxruntime.so*")):
            return str(path)
    return None


def environment() -> dict[str, str]:
    """Return the environment in which the C program finds it, too."""
    library = runtime_library()
    return {**os.environ, "ONNXSLIM_ORT": library} if library else dict(os.environ)

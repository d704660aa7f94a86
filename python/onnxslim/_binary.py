"""The C command line inside the package."""

from __future__ import annotations

import os
from pathlib import Path

_NAMES = ("onnxslim", "onnxslim.exe")


def find() -> Path:
    """Return the path of the program: in the package, or beside ``$ONNXSLIM_LIBRARY``.

    Raises:
        FileNotFoundError: there is none.
    """
    library = os.environ.get("ONNXSLIM_LIBRARY")
    folder = Path(library).parent if library else Path(__file__).resolve().parent / "bin"
    for name in _NAMES:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"there is no onnxslim program in {folder}")

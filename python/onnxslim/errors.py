"""What goes wrong, as exceptions: one class for each status of the C library.

Each is also the built-in exception a Python programmer would expect (``ValueError``, ``OSError``, ...).
"""

from __future__ import annotations


class OnnxSlimError(Exception):
    """Base of all errors; the text is one line with the position (node, field, byte offset).

    Attributes:
        report: of a VerifyError: the report, which says by how much the outputs differ.
    """

    report: object = None


class UsageError(OnnxSlimError, ValueError):
    """An invalid argument: an unknown option, pass, dim or value name."""


class ModelError(OnnxSlimError, ValueError):
    """Not a valid ONNX model; the text says where."""


class VerifyError(OnnxSlimError, AssertionError):
    """The outputs differ by more than the tolerance; ``report`` says by how much."""


class FileError(OnnxSlimError, OSError):
    """A file cannot be read or written."""

    def __str__(self) -> str:
        """Return the line, without the errno that OSError would put before it."""
        return str(self.args[0]) if self.args else ""


class OutOfMemoryError(OnnxSlimError, MemoryError):
    """An allocation failed."""


class CancelledError(OnnxSlimError):
    """The progress callback asked to stop."""


class LimitError(OnnxSlimError, OverflowError):
    """A cap was hit: rewrites, nesting, or a result of 2 GiB or more without a path to write it to."""


class UnavailableError(OnnxSlimError, RuntimeError):
    """ONNX Runtime is needed and was not found."""


class InternalError(OnnxSlimError, RuntimeError):
    """An invariant broke: a bug in the library. Nothing was written."""


# By onnxslim_status.
BY_STATUS: dict[int, type[OnnxSlimError]] = {
    1: UsageError,
    2: ModelError,
    3: VerifyError,
    4: FileError,
    5: OutOfMemoryError,
    6: CancelledError,
    7: LimitError,
    8: UnavailableError,
    9: InternalError,
}

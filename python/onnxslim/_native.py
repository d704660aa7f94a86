"""Handles of the C library: a context for each call, its options, a model and what it puts out."""

from __future__ import annotations

import ctypes
import json
import os
import weakref
from collections.abc import Callable, Mapping
from ctypes import POINTER, byref, c_char, c_size_t, c_uint8, c_void_p

from onnxslim._library import (
    Callbacks,
    DumpCallback,
    GuardCallback,
    LogCallback,
    ProgressCallback,
    lib,
)
from onnxslim._options import option_texts
from onnxslim._runtime import runtime_library
from onnxslim.errors import BY_STATUS, FileError, LimitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from onnxslim._types import ModelLike, ModelProto, Progress

_LEVELS = (30, 20, 10)  # logging's WARNING, INFO and DEBUG
_TWO_GIB = 1 << 31


def is_proto(model: object) -> bool:
    """Return whether this is a ModelProto; onnx itself need not be imported to know."""
    return hasattr(model, "SerializeToString") and hasattr(model, "opset_import")


def path_of(model: object) -> str | None:
    """Return the path if the model is one."""
    return os.fspath(model) if isinstance(model, (str, os.PathLike)) else None


class Bytes:
    """A model's bytes, held still while C reads them. What already is ``bytes`` is not copied."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.size = len(data) if not isinstance(data, memoryview) else data.nbytes
        if (
            not self.size
            or isinstance(data, bytes)
            or (isinstance(data, memoryview) and data.readonly)
        ):
            text = ctypes.c_char_p(bytes(data))  # of bytes this is no copy
            self.address = ctypes.cast(text, c_void_p)
            self._keep: object = text
        else:
            array = (c_char * self.size).from_buffer(data)
            self.address = c_void_p(ctypes.addressof(array))
            self._keep = array


def bytes_of(model: object) -> Bytes:
    """Return the bytes of a model in memory.

    Raises:
        UsageError: it is of another type.
        LimitError: a ModelProto that is too large to be serialized.
    """
    if isinstance(model, (bytes, bytearray, memoryview)):
        return Bytes(model)
    if not is_proto(model):
        raise UsageError(
            f"a model is a path, bytes or an onnx.ModelProto, not {type(model).__name__}"
        )
    proto: Any = model
    try:
        return Bytes(proto.SerializeToString())
    except Exception as error:
        if proto.ByteSize() < _TWO_GIB:
            raise
        raise LimitError(
            "the ModelProto is 2 GiB or more, which protobuf cannot serialize; pass the path of its file"
        ) from error


class Context:
    """``onnxslim_context`` and what hangs on it; ``with`` frees them in order.

    Exceptions raised in a callback (also a KeyboardInterrupt) stop the call and come out of it.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._raised: BaseException | None = None
        self._keep: list[object] = []
        self._open: list[tuple[Callable[[c_void_p], None], c_void_p]] = []
        # The functions must live as long as the context, which knows their addresses.
        self._calls = Callbacks(
            LogCallback(self._on_log), ProgressCallback(self._on_progress), None, DumpCallback()
        )
        self.handle = c_void_p(lib.onnxslim_context_new(None, byref(self._calls)))
        if not self.handle:
            raise MemoryError("no memory for a context")
        self._lent = 0

    def __enter__(self) -> Context:
        """Return the context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free everything, unless a buffer that was handed out still needs the context."""
        while self._open:
            free, handle = self._open.pop()
            free(handle)
        if not self._lent:
            self._close()

    def _close(self) -> None:
        if self.handle:
            lib.onnxslim_context_free(self.handle)
            self.handle = c_void_p()

    # --- callbacks

    def _on_log(self, user: object, level: int, line: bytes) -> None:
        import logging

        logging.getLogger("onnxslim").log(_LEVELS[level], "%s", line.decode(errors="replace"))

    def _on_progress(self, user: object, phase: bytes, done: int, total: int) -> int:
        try:
            stop = self._raised or (self._progress and self._progress(phase.decode(), done, total))
            return int(bool(stop))
        except BaseException as error:  # ctypes would only print it; check() raises it again
            self._raised = error
            return 1

    def check(self, status: int) -> None:
        """Raise what a status stands for."""
        if self._raised:
            error, self._raised = self._raised, None
            raise error
        if status:
            raise BY_STATUS[status](lib.onnxslim_error(self.handle).decode())

    # --- what hangs on it

    def own(self, handle: c_void_p, free: Callable[[c_void_p], None]) -> c_void_p:
        """Free the handle when the context ends, newest first."""
        self._open.append((free, handle))
        return handle

    def options(self, values: Mapping[str, object]) -> c_void_p:
        """Return options; keys are the library's names with ``_`` for ``-``."""
        handle = c_void_p(lib.onnxslim_options_new(self.handle))
        if not handle:
            raise MemoryError("no memory for options")
        self.own(handle, lib.onnxslim_options_free)
        if values.get("verify") and not values.get("ort"):
            values = {**values, "ort": runtime_library()}
        for key, value in values.items():
            name = key.replace("_", "-")
            for text in option_texts(name, value):
                encoded = None if text is None else text.encode()
                self.check(lib.onnxslim_options_set(handle, name.encode(), encoded))
        return handle

    def text(self, address: int | None) -> str:
        """Return a text that the library allocated, and free it there."""
        if not address:
            raise MemoryError("no memory for a text")
        try:
            return ctypes.string_at(address).decode(errors="replace")
        finally:
            lib.onnxslim_buffer_free(self.handle, c_void_p(address))

    def result(self, name: str, handle: c_void_p) -> dict[str, Any]:
        """Return a result object as its JSON, read."""
        self.own(handle, getattr(lib, f"onnxslim_{name}_free"))
        read: dict[str, Any] = json.loads(self.text(getattr(lib, f"onnxslim_{name}_json")(handle)))
        return read

    def guard(self, holds: Callable[[int], bool]) -> Any:
        """Return a C callback; what it raises comes out of the call that it is part of."""

        def call(user: object, match: int) -> int:
            try:
                return int(not self._raised and holds(match))
            except BaseException as error:  # ctypes would only print it; check() raises it again
                self._raised = error
                return 0

        self._keep.append(made := GuardCallback(call))
        return made

    def load(self, model: ModelLike, options: c_void_p, folder: str | None = None) -> Model:
        """Return a loaded model; a file stays mapped and is not read into Python."""
        handle = c_void_p()
        path = path_of(model)
        if path is not None:
            self.check(
                lib.onnxslim_load_with(self.handle, os.fsencode(path), options, byref(handle))
            )
            return Model(self, handle, None)
        data = bytes_of(model)
        where = os.fsencode(folder) if folder is not None else None
        self.check(
            lib.onnxslim_load_bytes(self.handle, data.address, data.size, where, byref(handle))
        )
        return Model(self, handle, data)

    def lend(self, address: int, size: int) -> memoryview:
        """Return a buffer of the library without a copy; the last view of it that goes frees it."""
        array = (c_char * size).from_address(address)
        self._lent += 1
        weakref.finalize(array, self._give_back, address)
        return memoryview(array).cast("B")

    def _give_back(self, address: int) -> None:
        lib.onnxslim_buffer_free(self.handle, c_void_p(address))
        self._lent -= 1
        if not self._lent and not self._open:
            self._close()


class Model:
    """``onnxslim_model``."""

    def __init__(self, context: Context, handle: c_void_p, data: Bytes | None) -> None:
        self.context = context
        self.handle = context.own(handle, lib.onnxslim_model_free)
        self._data = data  # C points into it

    def inspect(self) -> dict[str, Any]:
        """Return the summary of the model as it is."""
        handle = c_void_p()
        self.context.check(lib.onnxslim_inspect(self.handle, byref(handle)))
        return self.context.result("summary", handle)

    def nodes(self) -> list[dict[str, Any]]:
        """Return one row for each output of a node; see ``onnxslim_node_row``."""
        handle = c_void_p()
        self.context.check(lib.onnxslim_nodes(self.handle, byref(handle)))
        rows: list[dict[str, Any]] = self.context.result("node_list", handle)["rows"]
        return rows

    def optimize(self, options: c_void_p) -> dict[str, Any]:
        """Optimize in place; return the report."""
        handle = c_void_p()
        status = lib.onnxslim_optimize(self.handle, options, byref(handle))
        report = self.context.result("report", handle) if handle else None
        try:
            self.context.check(status)
        except BY_STATUS[3] as error:
            error.report = report
            raise
        assert report is not None
        return report

    def save(self, path: str, options: c_void_p) -> None:
        """Write a file, atomically."""
        self.context.check(lib.onnxslim_save(self.handle, os.fsencode(path), options))

    def save_bytes(self, options: c_void_p) -> memoryview:
        """Return the model as a read-only view of C's memory.

        Raises:
            LimitError: it would be 2 GiB or more; only a file can hold that.
        """
        data = POINTER(c_uint8)()
        size = c_size_t()
        status = lib.onnxslim_save_bytes(self.handle, options, byref(data), byref(size))
        try:
            self.context.check(status)
        except LimitError as error:
            raise LimitError(f"{error}; give an output path") from None
        address = ctypes.cast(data, c_void_p).value
        if not address:
            raise FileError("the library returned no bytes")
        return self.context.lend(address, size.value).toreadonly()

    def text(self, options: c_void_p) -> str:
        """Return the model in ONNX text syntax."""
        text = c_void_p()
        self.context.check(lib.onnxslim_model_text(self.handle, options, byref(text)))
        return self.context.text(text.value)


def proto_of(data: memoryview) -> ModelProto:
    """Return the bytes as a ModelProto; imports onnx."""
    import onnx

    proto = onnx.ModelProto()
    proto.ParseFromString(data)
    return proto

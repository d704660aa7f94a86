"""Our own interface: ``optimize`` and the commands that look at models."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxslim._library import lib
from onnxslim._native import Context, bytes_of, is_proto, path_of, proto_of
from onnxslim.errors import UsageError, VerifyError
from onnxslim.results import (
    Attribution,
    Diff,
    Explanation,
    Remark,
    Report,
    RuleStatistics,
    Summary,
    Verification,
)

if TYPE_CHECKING:
    from typing import Unpack

    import onnx

    from onnxslim._types import ModelLike, Options, Progress
    from onnxslim.rules import Rule


@dataclass(frozen=True)
class Result:
    """What ``optimize`` returns.

    Attributes:
        model: the optimized model: a ModelProto if one was passed in, else a read-only view of its bytes; None
            if it was written to a file.
        report: the whole report.
        attribution: what each pass does alone; only with ``attribution=True``.
    """

    model: onnx.ModelProto | memoryview | None
    report: Report
    attribution: Attribution | None = None

    @property
    def statistics(self) -> tuple[RuleStatistics, ...]:
        """What each rule tried and did."""
        return self.report.rules

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Which rule fired or was refused where, and why; only with option ``remarks``."""
        return self.report.remarks


def optimize(
    model: ModelLike,
    output: str | os.PathLike[str] | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    attribution: bool = False,
    rules: Sequence[Rule] = (),
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Result:
    """Optimize a model.

    Args:
        model: a path (the file never enters Python), bytes, or an ``onnx.ModelProto``, which is not changed.
        output: file to write, atomically; may be the input. None: the result is returned.
        folder: where external data of a model in memory is.
        attribution: also run each pass alone and report what it does; takes as long as all of them.
        rules: rewrites of your own, tried before those of the library; see ``onnxslim.rules``.
        progress: called with phase (``read``, ``optimize``, ``write``, ``verify``), units done and units in all
            (0: unknown); what it returns, if true, cancels.
        **options: see ``Options``.

    Returns:
        The model, the report and, if asked for, the attribution.

    Raises:
        VerifyError: with option ``verify``, if the outputs differ; nothing was written, ``report`` is its
            report.
        LimitError: the result is 2 GiB or more and there is no ``output``.
        OnnxSlimError: its other subclasses, see ``onnxslim.errors``.
    """
    with Context(progress) as context:
        settings = context.options(options)
        if rules:
            from onnxslim.rules import add_rules

            add_rules(context, settings, rules)
        where = None if folder is None else os.fspath(folder)
        loaded = context.load(model, settings, where)
        try:
            report = Report.of(loaded.optimize(settings))
        except VerifyError as error:
            if isinstance(error.report, dict):
                error.report = Report.of(error.report)
            raise
        made: Any = None
        if output is not None:
            loaded.save(os.fspath(output), settings)
        else:
            data = loaded.save_bytes(settings)
            made = proto_of(data) if is_proto(model) else data
    alone = _attribution(model, where, options) if attribution else None
    return Result(made, report, alone)


def inspect(model: ModelLike, *, folder: str | os.PathLike[str] | None = None) -> Summary:
    """Return a model in numbers: inputs, outputs, operators, sizes.

    Args:
        model: a path, bytes or an ``onnx.ModelProto``.
        folder: where external data of a model in memory is.

    Raises:
        OnnxSlimError: the model cannot be read.
    """
    with Context() as context:
        where = None if folder is None else os.fspath(folder)
        return Summary.of(context.load(model, context.options({}), where).inspect())


def to_text(model: ModelLike, *, full: bool = False) -> str:
    """Return a model in ONNX text syntax; of large tensors only type and dims unless ``full``."""
    with Context() as context:
        options = context.options({"full": full})
        return context.load(model, options).text(options)


class _Lent:
    """Models as paths: those in memory are lent to the context under a name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._keep: list[object] = []

    def path(self, model: ModelLike, folder: str | None = None) -> bytes:
        path = path_of(model)
        if path is not None:
            return os.fsencode(path)
        data = bytes_of(model)
        name = f"model {len(self._keep) + 1} in memory".encode()
        self._keep.append(data)
        where = os.fsencode(folder) if folder is not None else None
        self._context.check(
            lib.onnxslim_lend(self._context.handle, name, data.address, data.size, where)
        )
        return name


def verify(
    original: ModelLike,
    optimized: ModelLike,
    *,
    seeds: int = 3,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Verification:
    """Run two models in ONNX Runtime on the same generated inputs and compare what they put out.

    Args:
        original: a path, bytes or an ``onnx.ModelProto``.
        optimized: the other one.
        seeds: how many different inputs.
        progress: as of ``optimize``.
        **options: ``freeze``, ``input_shape``, ``feed``, ``ort``, ``threads``; see ``Options``.

    Returns:
        How they differ; see ``passed``.

    Raises:
        UnavailableError: there is no ONNX Runtime.
        OnnxSlimError: the original does not run.
    """
    if seeds < 1:
        raise UsageError("seeds is at least 1")
    with Context(progress) as context:
        lent = _Lent(context)
        settings = context.options({**options, "verify": seeds})
        handle = c_void_p()
        status = lib.onnxslim_verify(
            context.handle, lent.path(original), lent.path(optimized), settings, byref(handle)
        )
        if not handle:
            context.check(status)
        return Verification.of(context.result("verification", handle))


def _attribution(model: ModelLike, folder: str | None, options: Any) -> Attribution:
    with Context() as context:
        lent = _Lent(context)
        handle = c_void_p()
        call: Callable[..., int] = lib.onnxslim_attribution
        path = lent.path(model, folder)
        context.check(call(context.handle, path, context.options(options), byref(handle)))
        return Attribution.of(context.result("attribution", handle))


def attribution(
    model: ModelLike,
    *,
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Attribution:
    """Return what each pass does alone on the model as it is, then all of them together.

    Args:
        model: a path, bytes or an ``onnx.ModelProto``.
        folder: where external data of a model in memory is.
        **options: see ``Options``.

    Raises:
        OnnxSlimError: see ``onnxslim.errors``.
    """
    return _attribution(model, None if folder is None else os.fspath(folder), options)


def explain(
    model: ModelLike,
    node: str | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Explanation:
    """Return why nodes are still there: optimize, then try every rule at every node and note what refuses.

    Args:
        model: a path, bytes or an ``onnx.ModelProto``, which is not changed.
        node: a node, by its name or that of an output, before or after optimizing; None: all.
        folder: where external data of a model in memory is.
        **options: as of ``optimize``; see ``Options``.

    Raises:
        OnnxSlimError: see ``onnxslim.errors``; a UsageError if there is no such node.
    """
    with Context() as context:
        settings = context.options(options)
        loaded = context.load(model, settings, None if folder is None else os.fspath(folder))
        handle = c_void_p()
        name = None if node is None else node.encode()
        context.check(lib.onnxslim_explain(loaded.handle, settings, name, byref(handle)))
        return Explanation.of(context.result("explanation", handle))


def diff(before: ModelLike, after: ModelLike) -> Diff:
    """Return what is different between two models: operators, interface, and what became of each node.

    Args:
        before: a path, bytes or an ``onnx.ModelProto``.
        after: the other one.

    Raises:
        OnnxSlimError: a model cannot be read.
    """
    with Context() as context:
        none = context.options({})
        first, second = context.load(before, none), context.load(after, none)
        handle = c_void_p()
        context.check(lib.onnxslim_diff(first.handle, second.handle, byref(handle)))
        return Diff.of(context.result("diff", handle))

"""``slim``: a drop-in for the function of that name in inisis' OnnxSlim."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from onnxslim._native import Context, Model, is_proto, path_of, proto_of
from onnxslim._options import shape_texts
from onnxslim._table import show
from onnxslim.errors import UsageError, VerifyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    import onnx

    from onnxslim._types import ModelLike, Shape

# What dtype may be, and the library's word for it.
_DTYPES = {"fp16": "fp16", "float16": "fp16", "fp32": "fp32", "float32": "fp32"}


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def tag_of(model: object) -> str:
    """Return what a model is called in tables."""
    path = path_of(model)
    return os.path.basename(path) if path is not None else "OnnxModel"


def _options(
    input_shapes: Mapping[str, Shape] | Sequence[str] | None,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    skip_optimizations: Sequence[str] | None,
    skip_fusion_patterns: Sequence[str] | None,
    dtype: str | None,
) -> dict[str, object]:
    if dtype is not None and dtype not in _DTYPES:
        raise UsageError(f"dtype is one of {', '.join(_DTYPES)}, not '{dtype}'")
    skip: list[str] = []
    if skip_optimizations or skip_fusion_patterns:
        from onnxslim import _peers

        skip += _peers.skipped_by_optimization(_listed(skip_optimizations))
        skip += _peers.skipped_by_pattern(_listed(skip_fusion_patterns))
    options: dict[str, object] = {
        "inputs": _listed(inputs) or None,
        "outputs": _listed(outputs) or None,
        "input_shape": shape_texts("input_shapes", input_shapes) if input_shapes else None,
        "dtype": _DTYPES[dtype] if dtype else None,
        "skip": skip or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _dump(tag: str, model: Model) -> None:
    """Append the nodes of a model to ``TAG_model_info.csv`` in the current folder."""
    import csv
    from pathlib import Path

    path = Path(f"{tag}_model_info.csv")
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(("NodeName", "OpType", "OutputDtype", "OutputShape"))
        seen = None
        for row in model.nodes():
            first = ("", "") if row["node"] == seen else (row["name"], row["op_type"])
            seen = row["node"]
            dtype, _, dims = row["type"].partition("[")
            writer.writerow((*first, dtype, f"[{dims}" if dims else ""))
    print(f"Model info written to {path}")


def _compare(models: Sequence[ModelLike], dump_to_disk: bool) -> None:
    tags, summaries = [], []
    for model in models:
        with Context() as context:
            loaded = context.load(model, context.options({}))
            tags.append(tag_of(model))
            summaries.append(loaded.inspect())
            if dump_to_disk:
                _dump(tags[-1], loaded)
    if not tags:
        raise UsageError("the list of models is empty")
    show(tags, summaries)


def slim(
    model: ModelLike | Sequence[ModelLike],
    output_model: str | os.PathLike[str] | None = None,
    *,
    model_check: bool = False,
    input_shapes: Mapping[str, Shape] | Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    no_shape_infer: bool = False,
    skip_optimizations: Sequence[str] | None = None,
    dtype: Literal["fp16", "float16", "fp32", "float32"] | None = None,
    skip_fusion_patterns: Sequence[str] | None = None,
    size_threshold: int | None = None,
    inspect: bool = False,
    dump_to_disk: bool = False,
    save_as_external_data: bool = False,
    model_check_inputs: Sequence[str] | None = None,
    verbose: bool = False,
) -> Any:
    """Make a model smaller and faster without changing what it computes.

    Args:
        model: a path, the bytes of a model, or an ``onnx.ModelProto``, which is not changed. A list of models is
            not optimized: a table compares them.
        output_model: file to write, atomically; may be the input. Then a table of both is printed.
        model_check: compare the outputs before and after in ONNX Runtime on random inputs.
        input_shapes: sizes of inputs, ``{"x": [1, 3, 224, 224]}`` or ``["x:1,3,224,224"]``; -1 or ``"?"`` leaves
            a dim as it is.
        inputs: cut the graph: these values become its inputs. ``NAME`` or ``NAME:DTYPE`` (fp16, fp32, int32, bool).
        outputs: cut the graph: these values become its outputs.
        no_shape_infer: do not write the inferred types and shapes of inner values into the model.
        skip_optimizations: any of ``constant_folding``, ``graph_fusion``, ``dead_node_elimination``,
            ``subexpression_elimination``, ``weight_tying``.
        dtype: convert the floats of the result, its interface too, to ``fp16`` or ``fp32``.
        skip_fusion_patterns: patterns of OnnxSlim (``FusionConvBN``), or passes and rules of this library.
        size_threshold: bytes; what would fold to a larger constant stays as it is. None: no limit but the one
            that a folded constant is not larger than what it replaces.
        inspect: print the table of the model and optimize nothing.
        dump_to_disk: also write ``NAME_model_info.csv`` with all nodes; needs ``inspect`` or a list of models.
        save_as_external_data: put the weights into ``output_model`` + ``.data``.
        model_check_inputs: what to feed for ``model_check``: ``["x:1,3,224,224"]`` or ``["x:data.npy"]``.
        verbose: log each rewrite (logger ``onnxslim``, to standard error if it has no handler).

    Returns:
        The optimized model: a ModelProto for a path or a ModelProto, a read-only view of bytes for bytes. None
        if it was written to ``output_model``, if only a table was asked for, or if ``model_check`` found a
        difference, which is printed.

    Raises:
        OnnxSlimError: and its subclasses, see ``onnxslim.errors``; among them LimitError for a result of 2 GiB
            or more without ``output_model``.
    """
    many = not isinstance(model, (bytes, bytearray, memoryview)) and isinstance(model, Sequence)
    if (many and not isinstance(model, str)) or inspect:
        models: Any = model if many and not isinstance(model, str) else [model]
        _compare(models, dump_to_disk)
        return None
    if dump_to_disk:
        raise UsageError("dump_to_disk goes with inspect=True or a list of models")
    if save_as_external_data and output_model is None:
        raise UsageError("save_as_external_data needs an output_model to put the data beside")
    options = _options(
        input_shapes, inputs, outputs, skip_optimizations, skip_fusion_patterns, dtype
    )
    if not no_shape_infer:
        options["infer_shapes"] = True
    if size_threshold:
        options["max_fold"] = int(size_threshold)
    if save_as_external_data:
        options["external_data"] = True
    if model_check:
        options["verify"] = 1
        options["feed"] = _listed(model_check_inputs) or None
    if verbose:
        options["remarks"] = True
    single: Any = model
    try:
        return _run(single, output_model, options, verbose)
    except VerifyError as error:
        print(f"{error}\nPlease check the model carefully.")
        return None


def _run(
    model: ModelLike,
    output: str | os.PathLike[str] | None,
    options: Mapping[str, object],
    verbose: bool,
) -> onnx.ModelProto | memoryview | None:
    start = time.perf_counter()
    with Context() as context:
        settings = context.options(options)
        loaded = context.load(model, settings)
        before = loaded.inspect() if output is not None else None
        report = loaded.optimize(settings)
        if verbose:
            _log(report)
        if before is None or output is None:
            data = loaded.save_bytes(settings)
            return proto_of(data) if is_proto(model) or path_of(model) is not None else data
        loaded.save(os.fspath(output), settings)
        after = loaded.inspect()
    show([tag_of(model), tag_of(output)], [before, after], time.perf_counter() - start)
    return None


def _log(report: Mapping[str, Any]) -> None:
    import logging

    log = logging.getLogger("onnxslim")
    if not log.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(
            logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s")
        )
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    for remark in report["remarks"]:
        if remark["fired"]:
            log.debug("%s at %s: %s", remark["rule"], remark["node"], remark["text"])
    log.debug("%d rewrites in %.3f s", report["rewrites"], report["seconds"]["optimize"])

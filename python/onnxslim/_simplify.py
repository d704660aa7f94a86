"""``simplify``: for code that was written for onnxsim."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from onnxslim import _peers
from onnxslim._native import Context, is_proto, path_of, proto_of
from onnxslim.errors import ModelError, UsageError, VerifyError

if TYPE_CHECKING:
    import os

    import onnx

    from onnxslim._types import Shape

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?)i?b?\s*", re.IGNORECASE)


def _size(text: str | int) -> int:
    """Return the bytes of ``1.5GB`` or ``600KB``.

    Raises:
        UsageError: it is no size.
    """
    if isinstance(text, int):
        return text
    found = _SIZE.fullmatch(text)
    if not found:
        raise UsageError(f"'{text}' is no size; it is written like 1.5GB or 600KB")
    return int(float(found[1]) * 1024 ** " kmg".index(found[2].lower() or " "))


def _outputs_but(names: Sequence[str], unused: Sequence[str]) -> list[str]:
    missing = [name for name in unused if name not in names]
    if missing:
        raise UsageError(f"the model has no output '{missing[0]}'")
    kept = [name for name in names if name not in unused]
    if not kept:
        raise UsageError("no output would be left")
    return kept


def simplify(
    model: str | os.PathLike[str] | onnx.ModelProto,
    check_n: int = 0,
    perform_optimization: bool = True,
    skip_fuse_bn: bool = False,
    overwrite_input_shapes: Mapping[str, Shape] | None = None,
    test_input_shapes: Mapping[str, Shape] | None = None,
    skipped_optimizers: Sequence[str] | None = None,
    skip_constant_folding: bool = False,
    skip_shape_inference: bool = False,
    *,
    include_subgraph: bool = True,
    unused_output: Sequence[str] | None = None,
    tensor_size_threshold: str | int | None = None,
) -> tuple[onnx.ModelProto, bool]:
    """Simplify a model, with the arguments of onnxsim's function that make sense here.

    Args:
        model: a path or an ``onnx.ModelProto``, which is not changed.
        check_n: compare the outputs before and after in ONNX Runtime on so many random inputs.
        perform_optimization: False: fold constants only.
        skip_fuse_bn: do not fold BatchNormalization into convolutions.
        overwrite_input_shapes: sizes of inputs, by name; the model declares them from then on.
        test_input_shapes: sizes of inputs for ``check_n`` alone.
        skipped_optimizers: passes of onnxoptimizer, or passes and rules of this library.
        skip_constant_folding: do not evaluate what depends on constants.
        skip_shape_inference: do not write the inferred types and shapes into the model.
        include_subgraph: bodies of If, Loop and Scan are simplified like everything else; it cannot be switched
            off.
        unused_output: outputs to drop, with what only they need.
        tensor_size_threshold: ``"1.5GB"`` or bytes; what would fold to a larger constant stays.

    Returns:
        The simplified model, and whether the check passed (True without ``check_n``). If it did not, the model
        is the one that was passed in.

    Raises:
        OnnxSlimError: and its subclasses, see ``onnxslim.errors``.
    """
    if not include_subgraph:
        raise UsageError(
            "include_subgraph cannot be False: bodies have the same rules as the graph"
        )
    if not is_proto(model) and path_of(model) is None:
        raise UsageError("simplify takes a path or an onnx.ModelProto")
    skip = _peers.skipped_by_optimizer(skipped_optimizers or ())
    if not perform_optimization:
        skip += [name for name in _peers.pass_names() if name != "fold_constants"]
    if skip_fuse_bn:
        skip.append("conv-batchnorm")
    if skip_constant_folding:
        skip += ["fold", "fold-rounding"]
    options: dict[str, object] = {
        "skip": skip or None,
        "infer_shapes": not skip_shape_inference,
        "input_shape": overwrite_input_shapes or None,
        "max_fold": None if tensor_size_threshold is None else _size(tensor_size_threshold),
    }
    if check_n:
        options["verify"] = int(check_n)
        options["feed"] = [
            f"{name}:{'x'.join(map(str, dims))}" for name, dims in (test_input_shapes or {}).items()
        ] or None
    with Context() as context:
        if unused_output:
            summary = context.load(model, context.options({})).inspect()
            names = [row["name"] for row in summary["outputs"]]
            options["outputs"] = _outputs_but(names, unused_output)
        settings = context.options(options)
        loaded = context.load(model, settings)
        try:
            loaded.optimize(settings)
        except VerifyError:
            return _original(model), False
        return proto_of(loaded.save_bytes(settings)), True


def _original(model: object) -> onnx.ModelProto:
    import onnx

    path = path_of(model)
    if path is not None:
        return onnx.load(path)
    if isinstance(model, onnx.ModelProto):
        return model
    raise ModelError("the model is no ModelProto")

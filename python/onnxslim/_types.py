"""Types of arguments. Loaded by who asks for them: the package itself runs without `typing`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing import Literal

    import onnx

    ModelProto = onnx.ModelProto
    ModelLike = str | os.PathLike[str] | bytes | bytearray | memoryview | onnx.ModelProto

Names = str | Sequence[str]
Shape = Sequence[int | str | None]
Progress = Callable[[str, int, int], object]


class Options(TypedDict, total=False):
    """Every option of the library, as a keyword; ``onnxslim --help`` explains them.

    Names: a text or a list of texts. Sizes are bytes, as a number or like ``"64k"``. Dims of a shape are
    numbers; ``None`` or ``"?"`` leaves one as declared.
    """

    freeze: Mapping[str, int]
    freeze_all: int
    input_shape: Mapping[str, Shape]
    inputs: Names
    outputs: Names
    keep: Names
    dtype: Literal["fp16", "fp32"]
    opset: int | Literal["max"]
    passes: Names
    only: str
    skip: Names
    decompose: Names
    fuse: Names
    target: Literal["ort", "tflite", "coreml"]
    allow_contrib: bool
    inline_functions: bool
    exact: bool
    auto: bool
    assume_unchanged: bool
    max_growth: int | str
    max_fold: int | str
    external_data: str | bool
    outside_data: bool
    inline_limit: int | str
    jobs: int
    infer_shapes: bool
    verify: int | bool
    feed: Names
    ort: str | os.PathLike[str]
    ort_level: Literal["off", "basic", "extended", "default"]
    threads: int
    warmup: int
    runs: int
    remarks: bool | Literal["all", "fired", "missed"]
    history: bool
    verify_each: bool
    order: Names
    bisect: int
    full: bool

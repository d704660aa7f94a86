"""The oracle: models run in ONNX Runtime on seeded inputs made from the graph alone."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

LEVELS = {
    "off": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "default": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
LEAN = 2 << 30
"""Bytes of a model from which ONNX Runtime is told to save memory."""
SMALL, WIDE = (0, 1), (-3, 7)
_SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3.4e38, 1.0, -1.0)


def session(
    model: Path | bytes,
    level: str,
    threads: int = 2,
    lean: bool = False,
    entries: Mapping[str, str] | None = None,
) -> ort.InferenceSession:
    """Open a model in ONNX Runtime at an optimisation level of LEVELS, with configuration entries.

    `lean` does without its packed copy of the weights, without the folded one (float16
    weights cast to float32) and without an arena that keeps what was freed: for phi_2 it is
    12 GB instead of 24.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    for key, value in (entries or {}).items():
        options.add_session_config_entry(key, value)
    if lean:
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    off = ["ConstantFolding"] if lean else None
    source = str(model) if isinstance(model, Path) else model
    return ort.InferenceSession(
        source, options, providers=["CPUExecutionProvider"], disabled_optimizers=off
    )


def run(opened: ort.InferenceSession, feeds: Mapping[str, np.ndarray]) -> list:
    """Run a session on those of the feeds that it has inputs for."""
    names = {i.name for i in opened.get_inputs()}
    return opened.run(None, {k: v for k, v in feeds.items() if k in names})


def run_all(
    model: Path, level: str, fed: list[dict[str, np.ndarray]], lean: bool = False
) -> list[list]:
    """Open a model and run it on each of the feeds."""
    opened = session(model, level, lean=lean)
    return [run(opened, feeds) for feeds in fed]


def run_apart(model: Path, level: str, fed: list[dict[str, np.ndarray]], lean: bool) -> list[list]:
    """Do the same in a process of its own: its memory is gone afterwards."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(run_all, model, level, fed, lean=lean).result()


def _dims(info: onnx.ValueInfoProto, binding: Mapping[str, int], other: int) -> list[int]:
    """Return the dims of an input with its names bound; unnamed ones become `other`."""
    dims = info.type.tensor_type.shape.dim
    return [
        d.dim_value if d.HasField("dim_value") else binding.get(d.dim_param, other) for d in dims
    ]


def dim_names(model: onnx.ModelProto) -> list[str]:
    """Return the names of the dims of the graph's inputs, in order of appearance."""
    dims = (d for i in model.graph.input for d in i.type.tensor_type.shape.dim)
    return list(dict.fromkeys(d.dim_param for d in dims if d.dim_param))


def _fed(model: onnx.ModelProto, override: bool) -> list[onnx.ValueInfoProto]:
    """Return the inputs to feed: those without a default, or all that may be fed."""
    if override and model.ir_version >= 4:
        return list(model.graph.input)
    defaults = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in defaults]


def _array(rng, dtype: np.dtype, shape: list[int], bounds, calm: bool, special: bool) -> np.ndarray:
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "O":
        return rng.choice(np.array(["a", "b", ""], object), shape)
    if bounds:
        low, high = bounds
        return rng.integers(low, high + 1, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        low, high = SMALL if calm or dtype.kind == "u" else WIDE
        return rng.integers(low, high + 1, shape).astype(dtype)
    values = rng.standard_normal(shape)
    if special and values.size:
        picks = rng.integers(0, len(_SPECIAL), shape)
        values = np.where(rng.random(shape) < 0.5, np.array(_SPECIAL)[picks], values)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def feeds(
    model: onnx.ModelProto,
    seed: int,
    binding: Mapping[str, int],
    bounds: Mapping[str, tuple[int, int]] | None = None,
    special: bool = False,
) -> dict[str, np.ndarray]:
    """Make seeded inputs: floats are normal; integers are 0 or 1 with seed 0 and wider else.

    Seeds above 0 override defaults too.  `bounds` says the range of the integers of an
    input, by its name.  `special` mixes zeros of both signs, infinities, NaN and
    subnormals into the floats.
    """
    made = {}
    for info in _fed(model, override=seed > 0):
        rng = np.random.default_rng([seed, zlib.crc32(info.name.encode())])
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        shape = _dims(info, binding, 2)
        range_ = (bounds or {}).get(info.name)
        made[info.name] = _array(rng, np.dtype(dtype), shape, range_, seed == 0, special)
    return made


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two arrays are equal bit for bit; all NaNs count as one."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype == object or not np.issubdtype(a.dtype, np.inexact):
        return bool(np.array_equal(a, b))
    nan = np.isnan(a)
    raw = [np.where(nan, a.dtype.type(0), x).tobytes() for x in (a, b)]
    return bool(np.array_equal(nan, np.isnan(b))) and raw[0] == raw[1]


def tolerance(reference: np.ndarray) -> float:
    """Return the largest difference the project allows on an output.

    1e-5 of the largest value (at least of 1); for float16 four units in its last place;
    nothing for what is no floating point.
    """
    if not np.issubdtype(reference.dtype, np.inexact):
        return 0.0
    finite = reference[np.isfinite(reference)]
    largest = float(np.max(np.abs(finite))) if finite.size else 0.0
    if reference.dtype == np.float16:
        return 4 * float(np.spacing(np.float16(max(largest, 2**-14))))
    return 1e-5 * max(1.0, largest)


def max_diff(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference; infinite where one is NaN and the other not."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return float("inf")
    if a.dtype == object or not np.issubdtype(a.dtype, np.inexact):
        return 0.0 if np.array_equal(a, b) else float("inf")
    if not a.size:
        return 0.0
    wide = [x.astype(np.float64) for x in (a, b)]
    equal = (wide[0] == wide[1]) | (np.isnan(wide[0]) & np.isnan(wide[1]))
    with np.errstate(invalid="ignore"):
        diff = np.where(equal, 0.0, np.abs(wide[0] - wide[1]))
    return float(np.max(np.where(np.isnan(diff), np.inf, diff)))

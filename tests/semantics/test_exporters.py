"""Models in the habits of many exporters, with every set of flags, in ONNX Runtime with its optimizer off and on."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import exporters
import numeric

SIZE = 3
FLAGS = {
    "default": (),
    "exact": ("--exact",),
    "lifted": ("--opset=max",),
    "nothing grows": ("--max-growth=0",),
    "on request": (
        "--fuse=swish,hardswish,mish",
        "--decompose=einsum_to_matmul,decompose_layernorm",
        "--inline-functions",
    ),
    "ort": ("--target=ort", "--allow-contrib"),
    "tflite": (f"--freeze-all={SIZE}", "--target=tflite"),
    "coreml": (f"--freeze-all={SIZE}", "--target=coreml", "--infer-shapes"),
}
AT_MOST = {
    "tensorflow_mobilenet": 22,
    "tensorflow_shapes": 14,
    "tensorflow_depthwise_dilated": 10,
    "paddle_recognizer": 23,
    "sklearn_pipeline": 15,
    "pytorch_of_2018": 8,
    "mxnet_of_2017": 11,
}
"""Nodes that are left by default, bodies apart."""


def outputs(model: onnx.ModelProto, level: str, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return numeric.run(numeric.session(model.SerializeToString(), level, threads=1), feeds)


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("name", exporters.MODELS)
def test_exporter(optimise, name, flags):
    model = exporters.MODELS[name]()
    onnx.checker.check_model(model, full_check=True)
    after = optimise(model, *flags, runs=False).model
    assert len(after.graph.node) < len(model.graph.node)
    if not flags:
        assert len(after.graph.node) <= AT_MOST.get(name, len(model.graph.node))
    for seed in range(2):
        feeds = numeric.feeds(model, seed, dict.fromkeys(numeric.dim_names(model), SIZE))
        wanted = outputs(model, "off", feeds)
        for level in ("off", "default"):
            for a, b in zip(wanted, outputs(after, level, feeds), strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype
                largest = float(np.max(np.abs(a), initial=1))
                assert numeric.max_diff(a, b) <= 1e-4 * largest, (level, seed)

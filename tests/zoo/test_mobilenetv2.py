"""MobileNetV2: BatchNormalization, and Clip with constants of its own."""

from __future__ import annotations

from every_model import EveryModel


class TestMobilenetv2(EveryModel, name="mobilenetv2"):
    FIRES = (
        "fuse_conv_batchnorm",
        "fold_constants",
        "eliminate_duplicate_constants",
    )

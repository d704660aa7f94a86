"""MobileNetV3-Small: BatchNormalization, and activations behind convolutions."""

from __future__ import annotations

from every_model import EveryModel


class TestMobilenetv3(EveryModel, name="mobilenetv3_small"):
    FIRES = (
        "fuse_conv_batchnorm",
        "fuse_conv_relu",
    )

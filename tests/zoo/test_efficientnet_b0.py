"""EfficientNet-B0: BatchNormalization, and activations behind convolutions."""

from __future__ import annotations

from every_model import EveryModel


class TestEfficientnetB0(EveryModel, name="efficientnet_b0"):
    FIRES = (
        "fuse_conv_batchnorm",
        "fuse_conv_relu",
    )

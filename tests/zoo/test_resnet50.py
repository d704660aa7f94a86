"""ResNet-50: BatchNormalization after every convolution."""

from __future__ import annotations

from every_model import EveryModel


class TestResnet50(EveryModel, name="resnet50"):
    FIRES = ("fuse_conv_batchnorm",)

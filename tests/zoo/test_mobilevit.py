"""MobileViT-S: convolutions and attention; patches are unfolded by Reshape and Transpose."""

from __future__ import annotations

from every_model import EveryModel


class TestMobilevit(EveryModel, name="mobilevit_small"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_redundant_transposes",
        "fuse_conv_batchnorm",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""EfficientDet-D0: a feature pyramid of weighted sums, and many Constant nodes."""

from __future__ import annotations

from every_model import EveryModel


class TestEfficientdetD0(EveryModel, name="efficientdet_d0"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_identity_ops",
        "fuse_conv_batchnorm",
    )

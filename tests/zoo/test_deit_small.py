"""DeiT-S: attention over image patches."""

from __future__ import annotations

from every_model import EveryModel


class TestDeitSmall(EveryModel, name="deit_small"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

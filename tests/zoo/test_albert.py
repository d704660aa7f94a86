"""ALBERT: all layers share their weights, which must stay shared."""

from __future__ import annotations

from every_model import EveryModel


class TestAlbert(EveryModel, name="albert_base"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""BERT-large: BERT-base with twice the layers; external data is not needed yet."""

from __future__ import annotations

from every_model import EveryModel


class TestBertLarge(EveryModel, name="bert_large"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

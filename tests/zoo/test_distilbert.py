"""DistilBERT: BERT with half the layers, and a mask of its own."""

from __future__ import annotations

from every_model import EveryModel


class TestDistilbert(EveryModel, name="distilbert_base"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""RoBERTa: BERT with positions that are computed from the ids."""

from __future__ import annotations

from every_model import EveryModel


class TestRoberta(EveryModel, name="roberta_base"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

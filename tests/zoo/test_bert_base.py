"""BERT-base: every pass for Transformers has work here."""

from __future__ import annotations

from every_model import EveryModel


class TestBertBase(EveryModel, name="bert_base"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""Whisper-base: the encoder."""

from __future__ import annotations

from every_model import EveryModel


class TestWhisperBase(EveryModel, name="whisper_base_encoder"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

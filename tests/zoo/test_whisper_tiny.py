"""Whisper-tiny: the encoder, and the decoder with its cross-attention."""

from __future__ import annotations

from every_model import EveryModel


class TestWhisperTiny(EveryModel, name="whisper_tiny_encoder"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )


class TestWhisperTinyDecoder(EveryModel, name="whisper_tiny_decoder"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""Whisper-tiny: the encoder, and the decoder with its cross-attention."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestWhisperTiny(EveryModel, name="whisper_tiny_encoder"):
    FIRES = TRANSFORMER


class TestWhisperTinyDecoder(EveryModel, name="whisper_tiny_decoder"):
    FIRES = TRANSFORMER

"""Whisper-base: the encoder."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestWhisperBase(EveryModel, name="whisper_base_encoder"):
    FIRES = TRANSFORMER

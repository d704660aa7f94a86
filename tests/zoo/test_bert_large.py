"""BERT-large: BERT-base with twice the layers; external data is not needed yet."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestBertLarge(EveryModel, name="bert_large"):
    FIRES = TRANSFORMER

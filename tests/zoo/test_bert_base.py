"""BERT-base: every pass for Transformers has work here."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestBertBase(EveryModel, name="bert_base"):
    FIRES = TRANSFORMER

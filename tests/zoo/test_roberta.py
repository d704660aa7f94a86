"""RoBERTa: BERT with positions that are computed from the ids."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestRoberta(EveryModel, name="roberta_base"):
    FIRES = TRANSFORMER

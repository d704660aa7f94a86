"""DistilBERT: BERT with half the layers, and a mask of its own."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestDistilbert(EveryModel, name="distilbert_base"):
    FIRES = TRANSFORMER

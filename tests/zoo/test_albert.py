"""ALBERT: all layers share their weights, which must stay shared."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestAlbert(EveryModel, name="albert_base"):
    FIRES = TRANSFORMER

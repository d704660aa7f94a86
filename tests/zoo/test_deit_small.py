"""DeiT-S: attention over image patches."""

from __future__ import annotations

from every_model import TRANSFORMER, EveryModel


class TestDeitSmall(EveryModel, name="deit_small"):
    FIRES = TRANSFORMER

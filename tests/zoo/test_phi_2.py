"""Phi-2: a decoder with rotary positions, in float16, with external data, at full size."""

from __future__ import annotations

from every_model import EveryModel


class TestPhi2(EveryModel, name="phi_2"):
    FIRES = (
        "fold_constants",
        "simplify_shape_chains",
        "eliminate_duplicate_constants",
        "eliminate_redundant_transposes",
        "fuse_matmul_add",
        "cleanup_attention",
    )

"""Random valid models: motifs in the neighbourhood of our rules, glued together; some in bodies or functions."""

from __future__ import annotations

import random

import numpy as np
import onnx
from onnx import helper

import motifs_forms  # noqa: F401  (these register more)
import motifs_parts  # noqa: F401
import motifs_quant  # noqa: F401
import motifs_versions  # noqa: F401
from bodies import add_motifs
from values import Draft

OPSETS = (9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26)


def make(seed: int) -> onnx.ModelProto:
    """Return the model of a seed."""
    draft = Draft(random.Random(seed), random.Random(seed).choice(OPSETS))
    draft.input("f", draft.shape())
    add_motifs(draft, draft.rng.randint(2, 7))
    computed = {name for node in draft.nodes for name in node.output}
    read = {name for node in draft.nodes for name in node.input}
    ends = [v for v in draft.pool if v.name in computed and v.name not in read]
    seen = [v for v in draft.pool if v.name in computed and v.name in read and draft.chance(0.12)]
    outputs = list({v.name: v for v in [*ends[-3:], *seen]}.values())
    return draft.model(
        outputs
        or [draft.node("Identity", [draft.pool[0].name], draft.pool[0].shape, draft.pool[0].kind)]
    )


def size_of(dim: str) -> int:
    """Return the size after which a named dim is called."""
    return int(dim.lstrip("N"))


def feeds(model: onnx.ModelProto, seed: int) -> dict[str, np.ndarray]:
    """Return inputs for a model: small numbers; named dims are called after their size."""
    rng, made = np.random.default_rng(seed), {}
    defaults = {t.name for t in model.graph.initializer}
    for info in model.graph.input:
        kind = info.type.tensor_type
        if info.name in defaults and (
            kind.elem_type != onnx.TensorProto.FLOAT or rng.random() < 0.5
        ):
            continue
        shape = [
            d.dim_value if d.HasField("dim_value") else size_of(d.dim_param) for d in kind.shape.dim
        ]
        values = rng.integers(-3, 4, shape)
        made[info.name] = values.astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return made

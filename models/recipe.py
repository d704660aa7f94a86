"""The weight recipe: a tensor's values from its name, its spread and nothing else.

Integers: PCG64, seeded with the SHA-256 of the tensor's name; every raw 64-bit
draw gives four signed 16-bit integers k, lowest first.  Values:

    float32(k + offset) * float32(step)

The sum stays below 2**24 and is exact in float32, so each value is one correctly
rounded IEEE multiplication (and, for float16, one correctly rounded cast): no
libm, no fused multiply-add, the same bits on every CPU and NumPy version.  The
integers are uniform, so step is the wanted standard deviation times sqrt(12) / 2**16.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CHUNK = 1 << 18
"""Elements generated at a time: the unit of work of a thread."""

_PER_DRAW = 4
_SQRT12 = 3.4641016151377544


@dataclass(frozen=True)
class Recipe:
    """What fixes a tensor's bytes: name, shape, mean, standard deviation, dtype."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    dtype: str = "float32"

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def chunks(self) -> int:
        """Number of chunks, the last one possibly short."""
        return -(-self.elements // CHUNK)


def _raw_integers(name: str, start: int, count: int) -> np.ndarray:
    """Return the 16-bit integers start .. start + count of a tensor's stream."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    generator = np.random.PCG64(seed).advance(start // _PER_DRAW)
    draws = generator.random_raw(-(-count // _PER_DRAW))
    return draws.astype("<u8", copy=False).view("<i2")[:count]


def chunk(recipe: Recipe, index: int) -> np.ndarray:
    """Return one chunk of a tensor, flat, in its dtype."""
    start = index * CHUNK
    integers = _raw_integers(recipe.name, start, min(CHUNK, recipe.elements - start)).astype(
        np.float32
    )
    step = np.float32(recipe.std * _SQRT12 / 65536)
    offset = round(recipe.mean / float(step))
    if abs(offset) >= (1 << 24) - (1 << 15):
        raise ValueError(f"{recipe.name}: mean too far from 0 for its spread")
    integers += np.float32(offset)
    integers *= step
    return integers.astype(recipe.dtype, copy=False)


def chunks(recipe: Recipe) -> Iterator[np.ndarray]:
    """Yield a tensor's chunks in order."""
    for index in range(recipe.chunks):
        yield chunk(recipe, index)


def draw(recipe: Recipe) -> np.ndarray:
    """Return a whole tensor."""
    flat = np.empty(recipe.elements, recipe.dtype)
    for index, part in enumerate(chunks(recipe)):
        flat[index * CHUNK : index * CHUNK + part.size] = part
    return flat.reshape(recipe.shape)

"""What the denoiser of compact-1 is told beside the latent, on NumPy: timesteps a cell and the gain of the noise.

The torch forms are `predictor.spread_over_cells` and `scheduler.noise_gain`, where the sources stand.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from codec.arrays import FloatArray
from codec.geometry import TIMESTEP_TILE
from codec.models.compact.v1.config import LATENT_FACTOR

_CELLS = TIMESTEP_TILE // LATENT_FACTOR
_BETA_START, _BETA_END, _STEPS = 0.00085, 0.012, 1000


def spread_over_cells(t: FloatArray) -> FloatArray:
    """Timesteps a tile [rows, columns] -> a smooth map a cell [16 rows, 16 columns], bilinear between centres."""
    return _spread(_spread(t, 0), 1)


def noise_gain(t: FloatArray) -> FloatArray:
    """sqrt((1 - abar) / abar) at float timesteps in [0, 200], any shape: how much unit noise enters; 0 at t = 0."""
    table = _table()
    index = np.clip(np.floor(t).astype(np.int64), 0, _STEPS - 1)
    part = t - index.astype(np.float32)
    power = table[index] * (1 - part) + table[index + 1] * part
    gain: FloatArray = np.sqrt(power / (1 - power))
    return gain


def _spread(t: FloatArray, axis: int) -> FloatArray:
    count = t.shape[axis]
    position = np.maximum((np.arange(count * _CELLS, dtype=np.float32) + 0.5) / _CELLS - 0.5, 0)
    low = position.astype(np.int64)
    part = (position - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    high = np.minimum(low + 1, count - 1)
    spread: FloatArray = np.take(t, low, axis) * (1 - part) + np.take(t, high, axis) * part
    return spread


@lru_cache(maxsize=1)
def _table() -> FloatArray:
    """1 - abar at the integers 0..1000."""
    betas = np.linspace(_BETA_START**0.5, _BETA_END**0.5, _STEPS) ** 2
    return (1 - np.concatenate([np.ones(1), np.cumprod(1 - betas)])).astype(np.float32)

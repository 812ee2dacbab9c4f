"""How much of the known noise enters at a timestep, after the schedule of TADM's Eq. 9; architecture compact-1.

Shifted by one step against Stable Diffusion's own table: abar(200) here is its alphas_cumprod[199]. Normative for
compact-1 (`format_spec.md` 9.2), and not to be used for `sd21`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

# Stable Diffusion's "scaled linear" schedule, which TADM's Eq. 9 uses.
_BETA_START, _BETA_END, _STEPS = 0.00085, 0.012, 1000


@lru_cache(maxsize=1)
def _table() -> Tensor:
    """1 - abar at the integers 0..1000, float32: computed in float64, which not every device has."""
    betas = torch.linspace(_BETA_START**0.5, _BETA_END**0.5, _STEPS, dtype=torch.float64) ** 2
    signal = torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - betas, 0)])
    return (1 - signal).float()


def noise_power(t: Tensor) -> Tensor:
    """1 - abar at a float timestep t in [0, 1000]; 0 at t = 0, interpolated linearly between integers.

    Source: TADM Eq. 9; the schedule is that of Stable Diffusion 2.1 with the empty product at t = 0. The complement of
    abar is kept, because abar itself is so near 1 at small t that float32 loses the difference.
    """
    table = _table().to(t.device)
    index = t.detach().floor().long().clamp(0, _STEPS - 1)
    part = t.float() - index
    return (table[index] * (1 - part) + table[index + 1] * part).to(t.dtype)


def alpha_bar(t: Tensor) -> Tensor:
    """Cumulative signal power at a float timestep t in [0, 1000], see `noise_power`."""
    return 1 - noise_power(t)


def noise_gain(t: Tensor) -> Tensor:
    """sqrt((1 - abar) / abar): how much unit noise enters per unit of signal; 0 at t = 0, 0.569 at t = 200."""
    power = noise_power(t)
    return torch.sqrt(power / (1 - power))

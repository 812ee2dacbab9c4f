"""Eq. 9 of TADM for the compact family, with continuous timesteps and a known noise."""

from __future__ import annotations

import torch
from torch import Tensor

# Stable Diffusion's "scaled linear" schedule, which TADM's Eq. 9 uses.
_BETA_START, _BETA_END, _STEPS = 0.00085, 0.012, 1000


def alpha_bar(t: Tensor) -> Tensor:
    """Cumulative signal power at a float timestep t in [0, 1000]; 1 at t = 0, interpolated linearly between integers.

    Source: TADM Eq. 9; the schedule is that of Stable Diffusion 2.1 with the empty product at t = 0.
    """
    betas = torch.linspace(_BETA_START**0.5, _BETA_END**0.5, _STEPS, dtype=torch.float64, device=t.device) ** 2
    table = torch.cat([torch.ones(1, dtype=torch.float64, device=t.device), torch.cumprod(1 - betas, 0)])
    index = t.detach().floor().long().clamp(0, _STEPS - 1)
    part = t.double() - index
    return (table[index] * (1 - part) + table[index + 1] * part).to(t.dtype)


def noise_gain(t: Tensor) -> Tensor:
    """sqrt((1 - abar) / abar): how much unit noise enters per unit of signal; 0 at t = 0, about 0.72 at t = 200."""
    a = alpha_bar(t)
    return torch.sqrt((1 - a) / a)


def step(z_t: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """Eq. 9: z0 = (z_t - sqrt(1 - abar) eps) / sqrt(abar)."""
    a = alpha_bar(t)
    return (z_t - torch.sqrt(1 - a) * eps) / torch.sqrt(a)

"""Amount of oriented detail by octave: magnitudes of a bank of complex Gabor filters."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

ORIENTATIONS = 6
#: Filters: 13x13 taps, Gaussian envelope of sigma 2.2 px, wavelength 4 px; coarser octaves filter a halved picture.
_RADIUS, _SIGMA, _WAVELENGTH = 6, 2.2, 4.0
#: A picture with a shorter side is not halved further.
_LEAST_SIDE = 28


def magnitudes(channel: Tensor, octaves: int) -> list[Tensor]:
    """Local amplitude of detail, whatever its phase.

    Args:
        channel: float [1, 1, H, W] in grey levels.
        octaves: how many at most; small pictures give fewer.

    Returns:
        Per octave from the finest, float [1, 6, h, w] with h, w halved (rounded down) from octave to octave.
    """
    found = []
    for _ in range(octaves):
        extended = F.pad(channel, (_RADIUS,) * 4, mode="reflect")
        even, odd = F.conv2d(extended, _bank()).chunk(2, 1)
        found.append(torch.hypot(even, odd))
        if min(channel.shape[-2:]) < _LEAST_SIDE:
            break
        channel = F.avg_pool2d(channel, 2)
    return found


@cache
def _bank() -> Tensor:
    """Kernels [12, 1, 13, 13]: six even (cosine) without mean, then six odd (sine), each of unit energy."""
    axis = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)
    envelope = torch.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * _SIGMA**2))
    even, odd = [], []
    for k in range(ORIENTATIONS):
        angle = math.pi * k / ORIENTATIONS
        phase = 2 * math.pi / _WAVELENGTH * (math.cos(angle) * axis[None] + math.sin(angle) * axis[:, None])
        wave = envelope * phase.cos()
        even.append(wave - envelope * (wave.sum() / envelope.sum()))
        odd.append(envelope * phase.sin())
    kernels = torch.stack(even + odd)
    energy = kernels.square().sum((1, 2), keepdim=True)
    return (kernels / energy.sqrt())[:, None]

"""Patch FD: are the decoded 64x64 patches distributed like real ones?

The construction of FID on features that need no downloaded network: log energy of every Gabor band of a patch, how
evenly it is spread, mean and contrast of its colours. Gaussians are fitted to the patches of all originals and of all
decoded pictures; the figure is their Frechet distance. Two halves of Kodak differ by 1.7. May not be a training loss.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from bench.metrics.gabor import magnitudes

Features = npt.NDArray[np.float64]

SIDE = 64
#: Octaves of luma and of each chroma axis.
_OCTAVES = (4, 2, 2)
_FLOOR = 0.5
_COLOUR_UNIT = 64


def patch_features(opponent: Tensor) -> Features:
    """Features of every whole 64x64 patch.

    Args:
        opponent: picture in opponent colours, float [1, 3, H, W].

    Returns:
        float64 [patches, 62]; no rows if a side is below 64.
    """
    rows, columns = (n // SIDE for n in opponent.shape[-2:])
    if rows == 0 or columns == 0:
        return np.zeros((0, 62))
    x = opponent[..., : rows * SIDE, : columns * SIDE]
    parts = [
        part
        for channel, octaves in enumerate(_OCTAVES)
        for octave, band in enumerate(magnitudes(x[:, channel : channel + 1], octaves))
        for part in _band_features(band, SIDE >> octave)
    ]
    mean, deviation = _moments(x, SIDE)
    parts += [mean / _COLOUR_UNIT, torch.log1p(deviation)]
    stacked = torch.cat(parts, 1)[0].flatten(1)
    return stacked.T.double().numpy()


def frechet(a: Features, b: Features) -> float | None:
    """Frechet distance between Gaussians fitted to two sets of features [n, d]; None with fewer than two patches."""
    if min(len(a), len(b)) < 2:
        return None
    covariance_a, covariance_b = (np.cov(x, rowvar=False) for x in (a, b))
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    # the trace of (A B)^(1/2) equals that of the symmetric (A^(1/2) B A^(1/2))^(1/2)
    both = np.sqrt(np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)).sum()
    shift = np.square(a.mean(0) - b.mean(0)).sum()
    return float(shift + np.trace(covariance_a) + np.trace(covariance_b) - 2 * both)


def _band_features(band: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Log energy by orientation, and its relative spread averaged over orientations."""
    mean, deviation = _moments(band, side)
    return torch.log(mean + _FLOOR), (deviation / (mean + _FLOOR)).mean(1, keepdim=True)


def _moments(x: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every side x side block and channel."""
    mean = F.avg_pool2d(x, side)
    return mean, (F.avg_pool2d(x * x, side) - mean * mean).clamp_min(0).sqrt()

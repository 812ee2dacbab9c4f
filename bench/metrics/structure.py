"""PSNR, SSIM and MS-SSIM."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

#: Exponents of the five scales. Source: Wang, Simoncelli, Bovik, "Multiscale structural similarity", 2003.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
#: Keeps the PSNR of identical pictures finite (138.1 dB), because JSON has no infinity.
_LEAST_MSE = 1e-9


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two tensors in 0..255."""
    mse = float((a.double() - b.double()).square().mean())
    return 10 * math.log10(255**2 / max(mse, _LEAST_MSE))


def ssim(a: Tensor, b: Tensor) -> float | None:
    """Structural similarity of one channel, [1, 1, H, W] in 0..255: Gaussian window 11, sigma 1.5, no border.

    None if a side has fewer than 11 pixels. Source: Wang et al., "Image quality assessment", 2004.
    """
    if min(a.shape[-2:]) < _WINDOW:
        return None
    lightness, contrast = _terms(a, b)
    return float((lightness * contrast).mean())


def ms_ssim(a: Tensor, b: Tensor) -> float | None:
    """MS-SSIM of one channel, [1, 1, H, W] in 0..255: five scales, each half of the one before by 2x2 means.

    None if the smallest scale has a side of fewer than 11 pixels (pictures below 161).
    """
    score = 1.0
    for level, weight in enumerate(MS_SSIM_WEIGHTS):
        if min(a.shape[-2:]) < _WINDOW:
            return None
        lightness, contrast = _terms(a, b)
        last = level == len(MS_SSIM_WEIGHTS) - 1
        term = (lightness * contrast if last else contrast).mean()
        score *= max(float(term), 0.0) ** weight
        a, b = (F.avg_pool2d(x, 2, ceil_mode=True) for x in (a, b))
    return score


def ms_ssim_rgb(a: Tensor, b: Tensor) -> float | None:
    """Mean of the MS-SSIM of R, G and B, each [1, 3, H, W] in 0..255."""
    values = [ms_ssim(a[:, c : c + 1], b[:, c : c + 1]) for c in range(3)]
    known = [v for v in values if v is not None]
    return sum(known) / 3 if len(known) == 3 else None


def _terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Lightness and contrast-structure maps of SSIM."""
    smooth = _smooth(torch.cat([a, b, a * a, b * b, a * b], 1))
    mean_a, mean_b, square_a, square_b, product = (smooth[:, i : i + 1] for i in range(5))
    variance_a, variance_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    lightness = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    contrast = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    return lightness, contrast


def _smooth(x: Tensor) -> Tensor:
    """Gaussian window over every channel, without the border where it does not fit."""
    offsets = torch.arange(_WINDOW) - (_WINDOW - 1) / 2
    line = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    taps = (line / line.sum()).tolist()
    return _along(_along(x, 2, taps), 3, taps)


def _along(x: Tensor, dim: int, taps: list[float]) -> Tensor:
    """Weighted sums of neighbours: on a CPU several times faster than a convolution of one channel at a time."""
    length = x.shape[dim] - len(taps) + 1
    total = x.narrow(dim, 0, length) * taps[0]
    for offset, tap in enumerate(taps[1:], 1):
        total.add_(x.narrow(dim, offset, length), alpha=tap)
    return total

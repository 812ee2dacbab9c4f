"""Fidelity losses. Pictures are float [B, 3, H, W] in [-1, 1]; each loss returns one value a picture, float [B]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LUMA = (0.299, 0.587, 0.114)
# Constants of SSIM for a signal range of 2: (0.01 * 2)^2, (0.03 * 2)^2.
_C1, _C2 = 4e-4, 3.6e-3


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute error a picture."""
    return (a - b).abs().mean((1, 2, 3))


def weighted_l1(a: Tensor, b: Tensor, luma_weight: Tensor, chroma_weight: Tensor) -> Tensor:
    """L1 of luma plus L1 of what luma leaves, each with a weight a pixel, float [B, 1, H, W].

    Colour may be held tighter than brightness: invented luma detail passes for texture, invented colour for speckle.
    """
    d = a - b
    luma = (d * d.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (luma.abs() * luma_weight + (d - luma).abs() * chroma_weight).mean((1, 2, 3))


def mean_colour(a: Tensor, b: Tensor, cell: int = 4) -> Tensor:
    """L1 of means over cell x cell pixels: keeps colour and brightness where they were."""
    return l1(F.avg_pool2d(a, cell), F.avg_pool2d(b, cell))


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of luma in (0, 1], float [B]; as many of the five scales as the size allows.

    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003.
    """
    luma = a.new_tensor(_LUMA).view(1, 3, 1, 1)
    a, b = (a * luma).sum(1, keepdim=True), (b * luma).sum(1, keepdim=True)
    kernel = _gaussian(a)
    levels = sum(min(a.shape[-2:]) >> i >= 11 for i in range(5))
    total = sum(_WEIGHTS[:levels])
    score = torch.ones(a.shape[0], device=a.device)
    for level in range(levels):
        stats = _blur(torch.cat([a, b, a * a, b * b, a * b], 1), kernel)
        ma, mb, aa, bb, ab = stats.unbind(1)
        cs = (2 * (ab - ma * mb) + _C2) / (aa - ma * ma + bb - mb * mb + _C2)
        if level == levels - 1:
            cs = cs * (2 * ma * mb + _C1) / (ma * ma + mb * mb + _C1)
        score = score * cs.mean((1, 2)).clamp_min(1e-3) ** (_WEIGHTS[level] / total)
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return score


def _gaussian(like: Tensor) -> Tensor:
    x = torch.arange(11, dtype=like.dtype, device=like.device) - 5
    g = torch.exp(-x * x / (2 * 1.5**2))
    return g / g.sum()


def _blur(x: Tensor, g: Tensor) -> Tensor:
    # folded into the batch: depthwise convolutions are slow on the CPU, single-channel ones are not
    b, c, h, w = x.shape
    x = F.conv2d(x.reshape(b * c, 1, h, w), g.view(1, 1, 1, 11))
    x = F.conv2d(x, g.view(1, 1, 11, 1))
    return x.view(b, c, h - 10, w - 10)

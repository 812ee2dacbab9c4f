"""Pixels as tensors, and the opponent colours that the measures look at."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.photos import PixelArray

# BT.601 luma weights, full range: Y has the range of R, G and B.
_LUMA = (0.299, 0.587, 0.114)


def to_tensor(pixels: PixelArray) -> Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] in 0..255."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float()[None]


def luma(rgb: Tensor) -> Tensor:
    """RGB [1, 3, H, W] -> Y [1, 1, H, W], both 0..255.

    Papers that score "on the Y channel" through pyiqa or BasicSR use Y in 16..235, which gives 1.3 dB more for the same
    pictures; theirs and ours are not to be mixed.
    """
    weights = torch.tensor(_LUMA).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True)


def opponent(rgb: Tensor) -> Tensor:
    """RGB 0..255 -> luma, half of blue minus luma, half of red minus luma: [1, 3, H, W]."""
    y = luma(rgb)
    return torch.cat([y, (rgb[:, 2:] - y) / 2, (rgb[:, :1] - y) / 2], 1)

"""What people see that texture and sharpness do not: noise where the original is smooth, and lines it has not.

    grain     grey levels, lower is better: mean excess of the local RMS (8x8 windows) of what a Gaussian of sigma 1.5
              takes away from luma over the original's, in windows where the original and its neighbours stay below 2.
    crease    grey levels, lower is better: thin dark or bright lines and spots that the original has nowhere within
              8 px: excess of the 7x7 bottom-hat and top-hat of luma over the dilated hat of the original, less 2,
              averaged over the picture.

Blur alone brings both to 0: read them beside texture. Neither may be a training loss.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

_WINDOW, _SMOOTH, _LEAST_WINDOWS = 8, 2.0, 20
_HAT, _NEAR, _SLACK = 7, 17, 2.0


def grain(original: Tensor, decoded: Tensor) -> float:
    """Noise where the original is smooth; luma, float [1, 1, H, W] in 0..255. 0 where it has no smooth part."""
    before, after = _roughness(original), _roughness(decoded)
    smooth = F.max_pool2d(before, 3, 1, 1) < _SMOOTH
    return float(F.relu(after - before)[smooth].mean()) if int(smooth.sum()) >= _LEAST_WINDOWS else 0.0


def crease(original: Tensor, decoded: Tensor) -> float:
    """Thin lines and spots that the original has not; luma, float [1, 1, H, W] in 0..255."""
    before, after = (_hats(blurred(x, 2, 0.8)) for x in (original, decoded))
    excess = [F.relu(b - _largest(a, _NEAR) - _SLACK) for a, b in zip(before, after, strict=True)]
    return sum(float(e.mean()) for e in excess)


def blurred(x: Tensor, reach: int, sigma: float) -> Tensor:
    """Gaussian over 2 * reach + 1 pixels each way, borders reflected; float [1, 1, H, W]."""
    offsets = torch.arange(-reach, reach + 1, dtype=x.dtype)
    line = torch.exp(-offsets.square() / (2 * sigma**2))
    line = line / line.sum()
    x = F.pad(x, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(x, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))


def _roughness(luma: Tensor) -> Tensor:
    rest = luma - blurred(luma, 4, 1.5)
    return F.avg_pool2d(rest * rest, _WINDOW, _WINDOW).sqrt()


def _hats(x: Tensor) -> tuple[Tensor, Tensor]:
    """Bottom-hat and top-hat: what closing and opening by a square change."""
    closed, opened = -_largest(-_largest(x, _HAT), _HAT), _largest(-_largest(-x, _HAT), _HAT)
    return closed - x, x - opened


def _largest(x: Tensor, side: int) -> Tensor:
    """Largest within a square, by rows and then by columns: several times faster than at once."""
    rows = F.max_pool2d(x, (1, side), 1, (0, side // 2))
    return F.max_pool2d(rows, (side, 1), 1, (side // 2, 0))

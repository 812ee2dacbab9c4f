"""Fidelity that lets go of detail as the timestep grows: squared error behind a Gaussian (TADSR, Eq. 7 and 14)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

#: Smallest kernel, and how much wider it gets every so many timesteps (Eq. 14).
_LEAST, _WIDER, _EVERY = 5, 4, 200
#: Sigma at t = 0 and its slope, of the release; the paper says nothing of it.
SIGMA = (1.0, 0.005)


def kernel_size(t_s: int) -> int:
    """Side of the kernel: 5 + 4 floor(t_s / 200), Eq. 14."""
    return _LEAST + _WIDER * (t_s // _EVERY)


def gaussian(t_s: int, sigma: tuple[float, float] = SIGMA) -> Tensor:
    """The kernel along one axis, float64 [kernel_size(t_s)], of sum 1.

    Args:
        t_s: timestep, 0..999.
        sigma: at t = 0, and what a timestep adds.
    """
    size = kernel_size(t_s)
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(x**2) / (2 * (sigma[0] + sigma[1] * t_s) ** 2))
    return weights / weights.sum()


def blurred(x: Tensor, t_s: int, sigma: tuple[float, float] = SIGMA) -> Tensor:
    """Pictures behind the Gaussian of a timestep, edges reflected: float [B, C, H, W] -> the same shape."""
    line = gaussian(t_s, sigma).to(x)
    reach, channels = len(line) // 2, x.shape[1]
    x = F.pad(x, (reach,) * 4, mode="reflect")
    x = F.conv2d(x, line.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)
    return F.conv2d(x, line.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)


def blurred_mse(made: Tensor, original: Tensor, t_s: Tensor, sigma: tuple[float, float] = SIGMA) -> Tensor:
    """Mean squared error of two pictures behind the Gaussian of each one's timestep, Eq. 7.

    Args:
        made: float [B, C, H, W].
        original: likewise.
        t_s: whole timesteps, [B].
        sigma: at t = 0, and what a timestep adds.

    Returns:
        One value a picture, float [B].
    """
    difference = (made - original).float()  # the blur is linear
    each = [blurred(d[None], int(t), sigma).square().mean() for d, t in zip(difference, t_s, strict=True)]
    return torch.stack(each)

"""The second-order degradation of Real-ESRGAN, for repeating tables of papers that train on it.

Source: Wang et al., "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data", 2021: blur,
resize, noise and JPEG, twice, with a final sinc filter; its published probabilities and ranges. It is not what this
codec decodes.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.rounding import from_uint8, to_uint8


@dataclass(frozen=True)
class Order:
    """One round of degradation.

    Attributes:
        blur: probability of a blur.
        sigma: range of its standard deviation.
        resize: probabilities of up, down and keep.
        factor: smallest and largest.
        noise: range of Gaussian noise in grey levels.
        poisson: range of the scale of Poisson noise.
    """

    blur: float
    sigma: tuple[float, float]
    resize: tuple[float, float, float]
    factor: tuple[float, float]
    noise: tuple[float, float]
    poisson: tuple[float, float]


FIRST = Order(1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1, 30), (0.05, 3.0))
SECOND = Order(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1, 25), (0.05, 2.5))
_JPEG = (30, 95)
_SINC, _LAST_SINC, _GREY, _GAUSSIAN = 0.1, 0.8, 0.4, 0.5
_SHAPES = ("iso", "aniso", "generalised", "plateau")
_SHAPE_WEIGHTS = (0.45, 0.25, 0.15, 0.15)
_MODES = ("area", "bilinear", "bicubic")


def degrade(hr: Tensor, scale: int, rng: torch.Generator) -> Tensor:
    """Degrade each picture in its own way.

    Args:
        hr: float [B, 3, H, W] in [-1, 1].
        scale: by how much smaller the result is.
        rng: CPU generator of every choice.

    Returns:
        Float [B, 3, H/scale, W/scale] in [-1, 1], 8-bit values.
    """
    return torch.cat([_degraded(x[None].add(1).div(2), scale, rng) for x in hr]).to(hr)


def _degraded(x: Tensor, scale: int, rng: torch.Generator) -> Tensor:
    size = (x.shape[2] // scale, x.shape[3] // scale)
    x = _jpeg(_round(x, FIRST, rng), rng)
    x = _round(x, SECOND, rng)
    sinc_first = _chance(0.5, rng)
    for step in ("sinc", "jpeg") if sinc_first else ("jpeg", "sinc"):
        if step == "jpeg":
            x = _jpeg(x, rng)
        else:
            x = F.interpolate(x, size, mode=_pick(_MODES[1:], rng), antialias=True)
            if _chance(_LAST_SINC, rng):
                x = _filtered(x, sinc_kernel(_uniform(math.pi / 3, math.pi, rng), _odd(rng)))
    return from_uint8(to_uint8(x.clamp(0, 1) * 2 - 1))


def _round(x: Tensor, order: Order, rng: torch.Generator) -> Tensor:
    if _chance(order.blur, rng):
        size = _odd(rng)
        sinc = _chance(_SINC, rng)
        kernel = sinc_kernel(_uniform(math.pi / 3, math.pi, rng), size) if sinc else blur_kernel(order, size, rng)
        x = _filtered(x, kernel)
    up, down, _ = order.resize
    draw, (least, most) = float(torch.rand((), generator=rng)), order.factor
    factor = _uniform(1, most, rng) if draw < up else _uniform(least, 1, rng) if draw < up + down else 1.0
    size_now = tuple(max(8, round(side * factor)) for side in x.shape[2:])
    mode = _pick(_MODES, rng)
    x = F.interpolate(x, size_now, mode=mode, **({} if mode == "area" else {"antialias": factor < 1}))
    return _noisy(x.clamp(0, 1), order, rng)


def blur_kernel(order: Order, size: int, rng: torch.Generator) -> Tensor:
    """A Gaussian of random shape, float [size, size] of sum 1: round, stretched, sharper or flatter on top."""
    shape = _SHAPES[int(torch.multinomial(torch.tensor(_SHAPE_WEIGHTS), 1, generator=rng))]
    sx = _uniform(*order.sigma, rng)
    round_one = shape == "iso" or (shape != "aniso" and _chance(0.8, rng))
    sy, angle = (sx, 0.0) if round_one else (_uniform(*order.sigma, rng), _uniform(-math.pi, math.pi, rng))
    axis = torch.arange(size) - size // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    u, v = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    distance = (u / sx).square() + (v / sy).square()
    if shape == "plateau":
        weights = 1 / (1 + distance.pow(_uniform(1, 2, rng)))
    else:
        weights = torch.exp(-0.5 * distance.pow(_uniform(0.5, 4, rng) if shape == "generalised" else 1.0))
    return weights / weights.sum()


def sinc_kernel(cutoff: float, size: int) -> Tensor:
    """The circular low pass of a cutoff frequency in radians a pixel, which rings; float [size, size] of sum 1."""
    axis = torch.arange(size) - size // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    radius = torch.sqrt((x**2 + y**2).double())
    kernel = cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius.clamp_min(1e-9))
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return (kernel / kernel.sum()).float()


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    reach, weights = len(kernel) // 2, kernel.to(x).expand(3, 1, -1, -1)
    return F.conv2d(
        F.pad(x, (reach,) * 4, mode="reflect" if reach < min(x.shape[2:]) else "replicate"), weights, groups=3
    )


def _noisy(x: Tensor, order: Order, rng: torch.Generator) -> Tensor:
    grey = _chance(_GREY, rng)
    channels = 1 if grey else 3
    normal = torch.randn(1, channels, *x.shape[2:], generator=rng).to(x)
    if _chance(_GAUSSIAN, rng):
        return (x + normal * _uniform(*order.noise, rng) / 255).clamp(0, 1)
    level = x.mean(1, keepdim=True) if grey else x  # at these counts a Poisson variable is about a normal one
    return (x + normal * (level / 255).sqrt() * _uniform(*order.poisson, rng)).clamp(0, 1)


def _jpeg(x: Tensor, rng: torch.Generator) -> Tensor:
    pixels = (x[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(torch.randint(_JPEG[0], _JPEG[1] + 1, (), generator=rng)))
    decoded = torch.from_numpy(np.array(Image.open(buffer)))
    return decoded.permute(2, 0, 1)[None].to(x) / 255


def _odd(rng: torch.Generator) -> int:
    return 7 + 2 * int(torch.randint(8, (), generator=rng))


def _uniform(low: float, high: float, rng: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=rng))


def _chance(share: float, rng: torch.Generator) -> bool:
    return float(torch.rand((), generator=rng)) < share


def _pick(names: tuple[str, ...], rng: torch.Generator) -> str:
    return names[int(torch.randint(len(names), (), generator=rng))]

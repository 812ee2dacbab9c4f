"""Fidelity losses. Pictures are float [B, 3, H, W] in [-1, 1]; each loss returns one value a picture, float [B]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import LUMA

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Constants of SSIM for a signal range of 2: (0.01 * 2)^2, (0.03 * 2)^2.
_C1, _C2 = 4e-4, 3.6e-3
#: Side and stride of the windows in pixels of their scale.
_WINDOW, _STRIDE = 8, 4
_GREY_LEVEL = 1 / 127.5
#: Spread of luma at which a place counts half as detail.
_BUSY = 3 * _GREY_LEVEL
#: Sides of the means that `multi_resolution_l1` compares.
_MEANS = (4, 8, 16, 32)
#: Second differences across and down: answers to a chequerboard alone by 1, to a slope or a straight line by 0.
_CHEQUER = ((1 / 16, -2 / 16, 1 / 16), (-2 / 16, 4 / 16, -2 / 16), (1 / 16, -2 / 16, 1 / 16))
#: Period of a mesh, and how many of them `phase_l1` takes together each way.
_PERIOD, _PHASES = 4, 8


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute error a picture."""
    return (a - b).abs().mean((1, 2, 3))


def smooth_l1(a: Tensor, b: Tensor, busy: Tensor) -> Tensor:
    """L1 where nothing goes on, as much as there is nothing.

    Args:
        a: one picture.
        b: the other.
        busy: `detail` of the photograph at every pixel, float [B, 1, H, W].
    """
    return ((a - b).abs() * (1 - busy)).mean((1, 2, 3))


def luma(x: Tensor) -> Tensor:
    """Brightness, float [B, 1, H, W] in [-1, 1]."""
    return (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def chroma_l1(a: Tensor, b: Tensor) -> Tensor:
    """L1 of what luma leaves: holds colour alone."""
    d = a - b
    return (d - luma(d)).abs().mean((1, 2, 3))


def with_coarse_colour(x: Tensor) -> Tensor:
    """The picture with colour that changes over 4 pixels at least: what is shown so has no coloured dots."""
    y = luma(x)
    coarse = F.avg_pool2d(x - y, _PERIOD)
    return y + F.interpolate(coarse, size=x.shape[-2:], mode="bilinear")


def multi_resolution_l1(a: Tensor, b: Tensor) -> Tensor:
    """L1 of means over squares of 4, 8, 16 and 32 pixels: keeps colour and brightness where they were.

    Source: the idea of PICO's tiling artefact loss (Apple, 2026), which has it for the borders of tiles.
    """
    d = a - b
    return torch.stack([F.avg_pool2d(d, side).abs().mean((1, 2, 3)) for side in _MEANS]).mean(0)


def phase_l1(a: Tensor, b: Tensor) -> Tensor:
    """L1 of what is periodic: the mean over squares of 32 pixels of each of the 16 places within 4 x 4 pixels, less the
    mean of all 16. A mesh with the period of a pixel shuffle is in it whole, detail of a photograph hardly.
    """
    batch, colours, height, width = a.shape
    means = F.avg_pool2d(F.pixel_unshuffle(a - b, _PERIOD), min(_PHASES, height // _PERIOD, width // _PERIOD))
    means = means.view(batch, colours, _PERIOD**2, -1)
    return (means - means.mean(2, keepdim=True)).abs().mean((1, 2, 3))


def mesh_l1(a: Tensor, b: Tensor) -> Tensor:
    """L1 of how far roughness goes with the place modulo 4: absolute second differences of luma across rows and across
    columns, their mean at each of the four places, less the mean of all; over the roughness of the photograph `b`, as a
    mesh shows where there is little else. Dots and combs that `phase_l1` does not see because their sign changes.
    """
    apart = []
    for axis in (2, 3):
        rough = [torch.diff(luma(x), n=2, dim=axis).abs().mean((1, 5 - axis)) for x in (a, b)]
        places = torch.stack(
            [r[:, : r.shape[1] // _PERIOD * _PERIOD].unflatten(1, (-1, _PERIOD)).mean(1) for r in rough]
        )
        usual = places[1].mean(1) + _GREY_LEVEL
        places = places - places.mean(2, keepdim=True)
        apart.append((places[0] - places[1]).abs().mean(1) / usual)
    return torch.stack(apart).mean(0)


def stipple(a: Tensor, b: Tensor) -> Tensor:
    """How much more chequerboard `a` has than the photograph `b` within 8 pixels, mean over all such squares. Dots are
    made of it and cost critics nothing. Only what is too much counts, so that nothing is gained by drawing some.
    """
    chequer = a.new_tensor(_CHEQUER).view(1, 1, 3, 3)
    fine_a, fine_b = (F.avg_pool2d(F.conv2d(luma(x), chequer).abs(), _WINDOW, _STRIDE) for x in (a, b))
    return F.relu(fine_a - fine_b).mean((1, 2, 3))


def artifacts(a: Tensor, b: Tensor, sober: Tensor) -> Tensor:
    """L1 where `a` is farther from the photograph `b` than what was made without inventing, times how unsteady the
    error is within 7 pixels: bold structure that is wrong counts, fine texture hardly.

    Source: the idea of Liang, Zeng, Zhang, "Details or artifacts" (LDL), 2022, with the reader in place of the averaged
    model.

    Args:
        a: one picture.
        b: the photograph.
        sober: the reader's picture; takes no gradient.
    """
    error, fair = ((x - b).abs().sum(1, keepdim=True) for x in (a, sober))
    with torch.no_grad():
        mean, square = F.avg_pool2d(torch.cat([error, error * error], 1), 7, 1, 3, count_include_pad=False).split(1, 1)
        whole = error.var((1, 2, 3), keepdim=True).pow(0.2)
        counts = whole * (square - mean * mean).clamp_min(0) * (error > fair)
    return (counts * error).mean((1, 2, 3))


def detail(x: Tensor) -> Tensor:
    """How much goes on at a place of a photograph, in 0..1: half where luma varies by three grey levels within 8
    pixels, hardly anything where it is smooth but for the grain of a sensor. Float [B, 1, H/4 - 1, W/4 - 1].
    """
    y = luma(x)
    mean, square = F.avg_pool2d(torch.cat([y, y * y], 1), _WINDOW, _STRIDE).split(1, 1)
    variance = (square - mean * mean).clamp_min(0)
    return variance / (variance + _BUSY**2)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of luma in (0, 1], float [B]; as many of the five scales as the size allows.

    Windows are squares of 8 pixels, four apart, instead of a Gaussian at every pixel: a twenty-fifth of the time, and
    networks trained with either are alike.
    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003.
    """
    a, b = luma(a), luma(b)
    levels = max(1, sum(min(a.shape[-2:]) >> i >= 2 * _WINDOW for i in range(5)))
    total = sum(_WEIGHTS[:levels])
    score = torch.ones(a.shape[0], device=a.device)
    for level in range(levels):
        stats = F.avg_pool2d(torch.cat([a, b, a * a, b * b, a * b], 1), _WINDOW, _STRIDE)
        ma, mb, aa, bb, ab = stats.unbind(1)
        cs = (2 * (ab - ma * mb) + _C2) / (aa - ma * ma + bb - mb * mb + _C2)
        if level == levels - 1:
            cs = cs * (2 * ma * mb + _C1) / (ma * ma + mb * mb + _C1)
        score = score * cs.mean((1, 2)).clamp_min(1e-3) ** (_WEIGHTS[level] / total)
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return score


def psnr(a: Tensor, b: Tensor) -> float:
    """RGB, dB, for pictures in [-1, 1], clamped."""
    return float(10 * torch.log10(4 / (a.detach().clamp(-1, 1) - b).pow(2).mean()))

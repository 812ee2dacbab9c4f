"""Crops to LR pictures inside a training step, through the real payload: forward as stored, backward straight on."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.model import CompactModel
from codec.models.rounding import from_uint8, to_uint8
from codec.payload.av1 import Av1Payload
from codec.payload.base import PixelArray

#: Qualities of the AV1 payload seen in training, a scale; smaller LR pictures need finer coding at the same rate.
QUALITIES = {4: (6, 82), 8: (8, 92), 16: (10, 98), 32: (14, 98)}
#: Share of crops coded without loss, a scale.
_LOSSLESS = {4: 0.05, 8: 0.15, 16: 0.25, 32: 0.25}
#: BT.601, full range, as in the payload; chroma about zero.
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


@dataclass(frozen=True)
class Batch:
    """A training batch at one scale.

    Attributes:
        hr: float [B, 3, crop, crop] in [-1, 1].
        lr: float [B, 3, crop/scale, crop/scale] in [-1, 1], as a decoder sees it.
        quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.
        scale: HR/LR ratio.
        residual: what the model's LR writer adds to the downscale, float like `lr`; zeros without a writer.
        bits: estimate of bits an LR pixel, float [B], see `estimated_bits`; ones without a writer.
    """

    hr: Tensor
    lr: Tensor
    quality: Tensor
    scale: int
    residual: Tensor
    bits: Tensor


def draw_quality(batch: int, scale: int, rng: torch.Generator) -> Tensor:
    """Random payload qualities / 100, float [batch, 1, 1, 1]; the coarse end as often as the fine one."""
    low, high = QUALITIES[scale]
    quality = torch.randint(low, high + 1, (batch,), generator=rng).float() / 100
    lossless = torch.rand(batch, generator=rng) < _LOSSLESS[scale]
    return torch.where(lossless, 1.0, quality).view(-1, 1, 1, 1)


def encode(model: CompactModel, hr: Tensor, quality: Tensor, scale: int, chroma: str) -> Batch:
    """What an encoder with this model stores of the crops, coded anew.

    Args:
        model: its writer of the scale is used if it has one; the gradient reaches it.
        hr: float [B, 3, H, W] in [-1, 1].
        quality: float [B, 1, 1, 1], on any device.
        scale: HR/LR ratio.
        chroma: of the payload, "444", "420" or "auto".
    """
    quality = quality.to(hr.device)
    base = downscale(hr, scale)
    if scale not in model.config.writers:
        lr = through_payload(base, quality, chroma)
        return Batch(hr, lr, quality, scale, torch.zeros_like(lr), lr.new_ones(lr.shape[0]))
    residual = model.write(hr, quality, scale).float()
    lr = base + residual
    stored = through_payload(lr, quality, chroma)
    with torch.autocast(hr.device.type, enabled=False):  # half precision is coarser than a grey level
        bits = estimated_bits(lr, stored)
    return Batch(hr, stored, quality, scale, residual, bits)


def downscale(hr: Tensor, scale: int) -> Tensor:
    """What the encoder gives the writer: antialiased bicubic (a = -0.5), rounded to 8 bits; float in [-1, 1]."""
    lr = F.interpolate(hr, scale_factor=1 / scale, mode="bicubic", antialias=True)
    return from_uint8(to_uint8(lr))


def through_payload(lr: Tensor, quality: Tensor, chroma: str = "auto") -> Tensor:
    """LR as a decoder sees it; the gradient passes as if nothing had happened.

    Args:
        lr: float [B, 3, h, w], nominally in [-1, 1]: what lies outside is cut off, though not for the gradient.
        quality: float [B, 1, 1, 1], AV1 quality / 100; 1 = lossless.
        chroma: "444", "420" or "auto".

    Returns:
        Float [B, 3, h, w] in [-1, 1].
    """
    pictures = to_uint8(lr.detach()).permute(0, 2, 3, 1).cpu().numpy()
    qualities = [round(100 * float(q)) for q in quality.flatten()]
    coded = np.stack(list(_pool().map(partial(_through_av1, chroma=chroma), pictures, qualities)))
    stored = from_uint8(torch.from_numpy(coded).permute(0, 3, 1, 2)).to(lr.device)
    return lr + (stored - lr).detach()


def estimated_bits(lr: Tensor, stored: Tensor) -> Tensor:
    """About how many bits an LR pixel costs, float [B]: logarithms of 8x8 DCT coefficients in steps of the coder.

    The step is taken from the error that the coder really made, and is at least one grey level. Good for comparing an
    LR with another one of the same scene and quality, no more.
    """
    step = (math.sqrt(12) * (stored - lr).detach().pow(2).mean((1, 2, 3)).sqrt()).clamp_min(2 / 255)
    lr = F.pad(lr, (0, -lr.shape[-1] % 8, 0, -lr.shape[-2] % 8), mode="replicate")
    b, _, h, w = lr.shape
    ycc = torch.einsum("oc,bchw->bohw", lr.new_tensor(_YCC), lr)
    blocks = ycc.reshape(b, 3, h // 8, 8, w // 8, 8)
    dct = _dct().to(lr.device)
    coefficients = torch.einsum("ui,vj,bcyixj->bcyuxv", dct, dct, blocks)
    return 3 * torch.log2(1 + coefficients.abs() / step.view(b, 1, 1, 1, 1, 1)).mean((1, 2, 3, 4, 5))


def _through_av1(picture: PixelArray, quality: int, *, chroma: str) -> PixelArray:
    if quality == 100:
        return picture
    av1, (h, w) = Av1Payload(), picture.shape[:2]
    data = av1.encode(np.ascontiguousarray(picture), quality=quality, effort="fast", chroma=chroma)
    return av1.decode(data, width=w, height=h)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()


@cache
def _dct() -> Tensor:
    """Orthonormal DCT-II of eight samples, float [8, 8], a basis vector a row."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    basis = torch.cos(math.pi / 8 * (n + 0.5) * k) / 2
    basis[0] /= math.sqrt(2)
    return basis

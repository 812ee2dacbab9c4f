"""From crops to the LR pictures that a student of Stable Diffusion learns to restore."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.training.coding import downscale, through_payload
from codec.training.sd21.realesrgan import degrade

DEGRADATIONS = ("payload", "bicubic", "realesrgan")


def degraded(hr: Tensor, scale: int, kind: str, qualities: tuple[int, int], rng: torch.Generator) -> Tensor:
    """LR pictures of crops.

    Args:
        hr: float [B, 3, H, W] in [-1, 1].
        scale: HR/LR ratio.
        kind: "payload": the downscale through the AV1 payload, each crop at a random quality, as decoders of this codec
            meet it. "bicubic": the downscale alone. "realesrgan": see `codec.training.sd21.realesrgan`.
        qualities: lowest and highest of the payload, 0..99.
        rng: of every random choice, on the CPU.

    Returns:
        Float [B, 3, H/scale, W/scale] in [-1, 1], 8-bit values.
    """
    if kind == "realesrgan":
        return degrade(hr, scale, rng)
    lr = downscale(hr, scale)
    if kind == "bicubic":
        return lr
    low, high = qualities
    quality = torch.randint(low, high + 1, (len(hr), 1, 1, 1), generator=rng) / 100
    return through_payload(lr, quality.to(hr.device))


def enlarged(lr: Tensor, scale: int) -> Tensor:
    """As a decoder enlarges an LR (`format_spec.md`, section 9.5, step 2): float [B, 3, h, w] -> [B, 3, h*s, w*s]."""
    return F.interpolate(lr, scale_factor=scale, mode="bicubic", align_corners=False).clamp(-1.0, 1.0)

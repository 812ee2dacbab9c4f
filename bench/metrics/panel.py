"""All of our own measures of one decoded picture, and the features that its set will need."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.metrics.colour import opponent, to_tensor
from bench.metrics.lattice import lattice
from bench.metrics.patches import Features, patch_features
from bench.metrics.smoothness import crease, grain
from bench.metrics.structure import ms_ssim, ms_ssim_rgb, psnr, ssim
from bench.metrics.texture import Detail, detail, sharp, texture
from bench.photos import PixelArray

Values = dict[str, float]


@dataclass(frozen=True)
class Prepared:
    """A picture with everything that the measures need of it; of an original it is made once.

    Attributes:
        pixels: uint8 [H, W, 3].
        rgb: float [1, 3, H, W] in 0..255.
        opponent: the same in opponent colours.
        detail: for texture and sharp.
        features: for patch_fd, float64 [patches, 62].
    """

    pixels: PixelArray
    rgb: Tensor
    opponent: Tensor
    detail: Detail
    features: Features

    @property
    def luma(self) -> Tensor:
        """Float [1, 1, H, W] in 0..255."""
        return self.opponent[:, :1]


@torch.inference_mode()
def prepare(pixels: PixelArray) -> Prepared:
    """uint8 [H, W, 3] with sides of at least 16 -> what the measures need."""
    if min(pixels.shape[:2]) < 16:
        raise BenchError(f"picture of {pixels.shape[1]}x{pixels.shape[0]} pixels: too small to measure, at least 16x16")
    rgb = to_tensor(pixels)
    colours = opponent(rgb)
    return Prepared(pixels, rgb, colours, detail(colours), patch_features(colours))


@torch.inference_mode()
def measure(original: Prepared, decoded: Prepared) -> Values:
    """Every measure of ours that one picture has; those that need a larger picture are left out.

    Raises:
        BenchError: the sizes differ.
    """
    if original.pixels.shape != decoded.pixels.shape:
        raise BenchError(f"decoded picture is {decoded.pixels.shape}, the original {original.pixels.shape}")
    found = {
        "psnr": psnr(original.rgb, decoded.rgb),
        "psnr_y": psnr(original.luma, decoded.luma),
        "ssim": ssim(original.luma, decoded.luma),
        "ms_ssim": ms_ssim(original.luma, decoded.luma),
        "ms_ssim_rgb": ms_ssim_rgb(original.rgb, decoded.rgb),
        "texture": texture(original.detail, decoded.detail),
        "sharp": sharp(original.detail, decoded.detail),
        "lattice": lattice(original.luma, decoded.luma),
        "grain": grain(original.luma, decoded.luma),
        "crease": crease(original.luma, decoded.luma),
    }
    return {name: value for name, value in found.items() if value is not None}

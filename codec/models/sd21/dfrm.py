"""The rescaler (DFRM): pixels and latent -> feature -> LR, and LR -> feature -> latent."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from codec.models.sd21.config import RescalerConfig
from codec.models.sd21.geometry import LATENT_CELL
from codec.models.sd21.inn import InvertibleBlock
from codec.models.sd21.layers import ConvAct, Downsample, LeakyResBlock

_LR_CHANNELS = 3


class Rescaler(nn.Module):
    """TADM's decoupled feature rescaling module for one scale (its Fig. 2, Eq. 3-5).

        x, z -> down_module(x), latent_module(z) -> fusing_module -> zlr -> inv_module -> LR
        LR -> inverse of inv_module -> zlr -> final_module -> z_hat

    Whether latents come and go multiplied by the VAE's scaling factor is a convention of the weights
    (`Conventions.latent_in`, `latent_out`): the published ones are taken to take it multiplied and to give it *not*
    multiplied. The LR leaves as float: rounding to 8 bits is the caller's (`codec.models.rounding`).
    """

    def __init__(self, config: RescalerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.latent_width
        # Halvings between the latent and the LR: -1 at scale 4 (the LR is the larger), 0 at 8, 1 at 16, 2 at 32.
        halvings = int(math.log2(config.scale)) - int(math.log2(LATENT_CELL))
        self.down_module = _pixel_branch(config) if config.pixel_branch else None
        self.latent_module = nn.Sequential(
            ConvAct(config.latent_channels, width), *_blocks(width, config.blocks), *_latent_to_lr(width, halvings)
        )
        fused = width + (config.pixel_width if config.pixel_branch else 0)
        self.fusing_module = nn.Sequential(*_blocks(fused, config.blocks), ConvAct(fused, _LR_CHANNELS))
        self.inv_module = nn.ModuleList(
            [
                InvertibleBlock(config.inn_growth, config.inn_clamp)
                for _ in range(config.inn_blocks if config.inn else 0)
            ]
        )
        self.final_module = nn.Sequential(
            ConvAct(_LR_CHANNELS, width),
            *_blocks(width, config.blocks),
            *_lr_to_latent(width, config.latent_channels, halvings),
        )

    def feature(self, x: Tensor, z: Tensor) -> Tensor:
        """The feature of a picture at LR resolution (Eq. 3).

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1], H and W multiples of 8 and of the scale.
            z: latent, float [B, 4, H/8, W/8].

        Returns:
            zlr, float [B, 3, H/scale, W/scale].
        """
        seen = self.latent_module(z)
        if self.down_module is not None:
            seen = torch.cat([self.down_module(x), seen], 1)
        zlr: Tensor = self.fusing_module(seen)
        return zlr

    def feature_to_lr(self, zlr: Tensor) -> Tensor:
        """INN forward (Eq. 4): feature -> LR, float [B, 3, h, w], nominally in [-1, 1], neither clamped nor rounded."""
        for block in self.inv_module:
            zlr = block(zlr)
        return zlr

    def lr_to_feature(self, lr: Tensor) -> Tensor:
        """INN inverse (Eq. 4): LR, float [B, 3, h, w] in [-1, 1] -> feature of the same shape."""
        for block in reversed(self.inv_module):
            lr = cast("InvertibleBlock", block).inverse(lr)
        return lr

    def feature_to_latent(self, zlr: Tensor) -> Tensor:
        """Feature -> z_hat (Eq. 5): float [B, 3, h, w] -> [B, 4, h*scale/8, w*scale/8]."""
        z_hat: Tensor = self.final_module(zlr)
        return z_hat

    def down(self, x: Tensor, z: Tensor) -> Tensor:
        """Pixels and latent -> LR float; arguments of `feature`, result of `feature_to_lr`."""
        return self.feature_to_lr(self.feature(x, z))

    def up(self, lr: Tensor) -> Tensor:
        """LR -> z_hat; argument of `lr_to_feature`, result of `feature_to_latent`."""
        return self.feature_to_latent(self.lr_to_feature(lr))


def _blocks(width: int, count: int) -> list[nn.Module]:
    return [LeakyResBlock(width) for _ in range(count)]


def _pixel_branch(config: RescalerConfig) -> nn.Sequential:
    """Pixels -> `pixel_width` channels at LR resolution."""
    width = config.pixel_width
    layers: list[nn.Module] = [ConvAct(3, width)]
    for _ in range(int(math.log2(config.scale))):
        layers += [Downsample(width), LeakyResBlock(2 * width)]
        width *= 2
    return nn.Sequential(*layers, ConvAct(width, config.pixel_width))


def _latent_to_lr(width: int, halvings: int) -> list[nn.Module]:
    """From the latent's resolution to the LR's, keeping the channels."""
    if halvings < 0:
        return [nn.PixelShuffle(2), ConvAct(width // 4, width)]
    if halvings == 0:
        return [ConvAct(width, width)]
    return [layer for _ in range(halvings) for layer in (nn.PixelUnshuffle(2), ConvAct(4 * width, width))]


def _lr_to_latent(width: int, out_width: int, halvings: int) -> list[nn.Module]:
    """From the LR's resolution to the latent's, ending in the latent's channels."""
    if halvings < 0:
        return [nn.PixelUnshuffle(2), ConvAct(4 * width, out_width)]
    if halvings == 0:
        return [ConvAct(width, out_width)]
    layers: list[nn.Module] = []
    for step in range(halvings):
        width //= 4
        layers += [nn.PixelShuffle(2), ConvAct(width, width if step < halvings - 1 else out_width)]
    return layers

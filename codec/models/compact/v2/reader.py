"""The LR reader: the compact rescaler's way up, LR -> z_hat. At realism 0 it is the whole decoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import Conv2d, ResBlock, act, bicubic_up
from codec.models.compact.v2.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig


class LRReader(nn.Module):
    """z_hat = space-to-depth(bicubic(LR)) + learned residual, for one scale.

    The trunk has one shape for all scales and works at 1/4 (and 1/8) of the HR resolution. An LR that is finer than
    1/4 enters by space-to-depth, a coarser one climbs to 1/4 by residual blocks and pixel shuffle.

        lr, quality -> [unshuffle | conv -> climb] -> trunk: 1/4 -> 1/8 -> 1/4 -> features -> conv -> + bicubic -> z_hat
    """

    def __init__(self, config: CompactConfig, scale: int) -> None:
        super().__init__()
        self.scale = scale
        width, deep = config.width, config.deep_width
        fold = max(1, LATENT_FACTOR // scale)
        self.conv_in = Conv2d(3 * fold * fold + 1, width, 3, padding=1)
        climb: list[nn.Module] = []
        for _ in range(max(0, round(math.log2(scale / LATENT_FACTOR)))):
            climb += [ResBlock(width) for _ in range(config.climb_blocks)]
            climb += [Conv2d(width, 4 * width, 1), nn.PixelShuffle(2)]
        self.climb = nn.Sequential(*climb)
        before, below, after = config.blocks_at(scale)
        self.before = nn.Sequential(*[ResBlock(width) for _ in range(before)])
        self.down = Conv2d(4 * width, deep, 1) if deep else None
        self.below = nn.Sequential(*[ResBlock(deep or width) for _ in range(below)])
        self.up = Conv2d(deep, 4 * width, 1) if deep else None
        self.after = nn.Sequential(*[ResBlock(width) for _ in range(after)])
        self.conv_out = Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        with torch.no_grad():
            self.conv_out.weight.mul_(0.1)
            assert self.conv_out.bias is not None
            self.conv_out.bias.zero_()

    def features(self, lr: Tensor, quality: Tensor) -> Tensor:
        """What the trunk makes of a stored picture, for the denoiser as well.

        Args:
            lr: float [B, 3, h, w] in [-1, 1]; h and w times the scale are multiples of 8.
            quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.

        Returns:
            Float [B, width, h*scale/4, w*scale/4].
        """
        x = F.pixel_unshuffle(lr, LATENT_FACTOR // self.scale) if self.scale < LATENT_FACTOR else lr
        x = self.conv_in(torch.cat([x, quality.to(x.dtype).expand(-1, 1, *x.shape[-2:])], 1))
        x = self.before(self.climb(x))
        if self.down is None or self.up is None:
            x = self.below(x)
        else:
            deep = self.below(self.down(F.pixel_unshuffle(act(x), 2)))
            x = x + F.pixel_shuffle(self.up(act(deep)), 2)
        return act(self.after(x))

    def latent(self, features: Tensor, lr: Tensor) -> Tensor:
        """z_hat of features and the LR they were made of, float [B, 48, h*scale/4, w*scale/4], nominally in [-1, 1]."""
        enlarged = bicubic_up(lr, self.scale) if self.scale > 1 else lr
        out: Tensor = self.conv_out(features) + F.pixel_unshuffle(enlarged, LATENT_FACTOR)
        return out

    def forward(self, lr: Tensor, quality: Tensor) -> Tensor:
        """z_hat of a stored picture; see `features` and `latent`."""
        return self.latent(self.features(lr, quality), lr)

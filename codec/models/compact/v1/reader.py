"""The LR reader: the compact rescaler's way up, LR -> z_hat."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec.models.compact.layers import Conv2d, ResBlock, Upsample, act, bicubic_up
from codec.models.compact.v1.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig
from codec.models.compact.v1.latent import PixelLatent


class LRReader(nn.Module):
    """z_hat = space-to-depth(bicubic(LR)) + learned residual, for one scale.

    Works at LR resolution first and climbs to 1/4 by pixel shuffle, so that a reader for 16x or 32x sees far without
    costing more than the one for 4x.
    """

    def __init__(self, config: CompactConfig, scale: int) -> None:
        super().__init__()
        self.scale = scale
        width = config.reader_width
        self.conv_in = Conv2d(4, width, 3, padding=1)
        body = [_stage(width, config.reader_blocks)]
        for _ in range(int(math.log2(scale // LATENT_FACTOR))):
            body += [Upsample(width, width, 1), _stage(width, config.reader_blocks)]
        self.body = nn.Sequential(*body)
        self.conv_out = Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, lr: Tensor, quality: Tensor) -> Tensor:
        """Rebuild the latent from the stored picture.

        Args:
            lr: float [B, 3, h, w] in [-1, 1].
            quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.

        Returns:
            z_hat, float [B, 48, h*scale/4, w*scale/4], nominally in [-1, 1].
        """
        base = PixelLatent.encode(bicubic_up(lr, self.scale))
        x = self.conv_in(torch.cat([lr, quality.to(lr.dtype).expand(-1, 1, *lr.shape[-2:])], 1))
        out: Tensor = base + self.conv_out(act(self.body(x)))
        return out


def _stage(width: int, count: int) -> nn.Module:
    return nn.Sequential(*[ResBlock(width) for _ in range(count)])

"""The LR writer: the compact rescaler's way down. It adds to the downscale what the LR reader can make use of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import Conv2d, ResBlock, act
from codec.models.compact.v2.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig


class LRWriter(nn.Module):
    """LR = downscale + learned residual, for one scale.

    It works at 1/4 resolution and goes down from there for coarser LR pictures, or up by pixel shuffle for finer ones.
    The residual is kept small in training (a squared penalty), so that the LR stays a picture of the scene that any
    viewer shows and any model of this scale reads.
    """

    def __init__(self, config: CompactConfig, scale: int) -> None:
        super().__init__()
        self.scale = scale
        width, fold = config.writer_width, max(1, LATENT_FACTOR // scale)
        body: list[nn.Module] = [Conv2d(LATENT_CHANNELS + 1, width, 3, padding=1)]
        body += [ResBlock(width) for _ in range(config.writer_blocks)]
        for _ in range(max(0, round(math.log2(scale / LATENT_FACTOR)))):
            body += [nn.PixelUnshuffle(2), Conv2d(4 * width, width, 1), ResBlock(width)]
        self.body = nn.Sequential(*body)
        self.conv_out = Conv2d(width, 3 * fold * fold, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, hr: Tensor, quality: Tensor) -> Tensor:
        """What to add to the downscale.

        Args:
            hr: float [B, 3, H, W] in [-1, 1], sides multiples of the scale and of 4.
            quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.

        Returns:
            float [B, 3, H/scale, W/scale], to be added to an LR in [-1, 1].
        """
        z = F.pixel_unshuffle(hr, LATENT_FACTOR)
        x = torch.cat([z, quality.to(z.dtype).expand(-1, 1, *z.shape[-2:])], 1)
        out: Tensor = self.conv_out(act(self.body(x)))
        return F.pixel_shuffle(out, LATENT_FACTOR // self.scale) if self.scale < LATENT_FACTOR else out

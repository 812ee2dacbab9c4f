"""The LR writer: the compact rescaler's way down. It adds to the downscale what the LR reader can make use of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec.models.compact.layers import Conv2d, ResBlock, act
from codec.models.compact.v1.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig
from codec.models.compact.v1.latent import PixelLatent


class LRWriter(nn.Module):
    """LR = downscale + learned residual, for one scale: climbs from 1/4 resolution down to the LR's own.

    The residual is kept small in training (a squared penalty), so that the LR stays a picture of the scene that any
    viewer shows and any model of this scale reads.
    """

    def __init__(self, config: CompactConfig, scale: int) -> None:
        super().__init__()
        self.scale = scale
        width = config.writer_width
        body: list[nn.Module] = [Conv2d(LATENT_CHANNELS + 1, width, 3, padding=1), ResBlock(width)]
        for _ in range(self.stages):
            body += [nn.PixelUnshuffle(2), Conv2d(4 * width, width, 1), ResBlock(width)]
        self.body = nn.Sequential(*body, ResBlock(width))
        self.conv_out = Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    @property
    def stages(self) -> int:
        """Halvings between 1/4 resolution and the LR."""
        return int(math.log2(self.scale // LATENT_FACTOR))

    def forward(self, hr: Tensor, quality: Tensor) -> Tensor:
        """What to add to the downscale.

        Args:
            hr: float [B, 3, H, W] in [-1, 1], sides multiples of the scale.
            quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.

        Returns:
            float [B, 3, H/scale, W/scale], to be added to an LR in [-1, 1].
        """
        z = PixelLatent.encode(hr)
        x = torch.cat([z, quality.to(z.dtype).expand(-1, 1, *z.shape[-2:])], 1)
        out: Tensor = self.conv_out(act(self.body(x)))
        return out

"""The denoiser: one step from z_hat to z0, scaled by a timestep map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import Conv2d, ResBlock, act
from codec.models.compact.v2.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig

#: Largest timestep the family uses (the published TADM's predictor range ends here as well).
MAX_TIMESTEP = 200.0
#: Channels of the detail head at 1/2 and at full resolution.
_HALF, _FULL = 12, 8


class CompactDenoiser(nn.Module):
    """Texture for one scale: the change of the picture, in proportion to the timestep.

    It reads the features of the reader's trunk beside z_hat, works at 1/4 resolution, and draws at 1/2 and at full
    resolution: convolutions behind each pixel shuffle keep its phases from showing as a mesh.
    x_hat = pixels(z_hat) + (t / 200) * change, so that t = 0 gives exactly what the reader gives.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        width = config.width
        self.conv_in = Conv2d(width + LATENT_CHANNELS + 1, width, 3, padding=1)
        self.blocks = nn.Sequential(*[ResBlock(width) for _ in range(config.denoiser_blocks)])
        self.to_half = Conv2d(width, 4 * _HALF, 3, padding=1)
        self.to_full = Conv2d(_HALF, 4 * _FULL, 3, padding=1)
        self.conv_out = Conv2d(_FULL, 3, 3, padding=1)
        with torch.no_grad():
            for conv in (self.to_half, self.to_full):
                _icnr(conv)
            self.conv_out.weight.mul_(0.1)
            assert self.conv_out.bias is not None
            self.conv_out.bias.zero_()

    def forward(self, features: Tensor, z_hat: Tensor, t: Tensor) -> Tensor:
        """The change of the picture.

        Args:
            features: of the reader's trunk, float [B, width, h, w].
            z_hat: float [B, 48, h, w].
            t: effective timestep a latent cell, float [B, 1, h, w] in [0, 200].

        Returns:
            Float [B, 3, 4h, 4w], exactly 0 where t is 0.
        """
        strength = t / MAX_TIMESTEP
        x = self.blocks(self.conv_in(torch.cat([features, z_hat, strength], 1)))
        x = F.pixel_shuffle(self.to_half(act(x)), 2)
        x = F.pixel_shuffle(self.to_full(act(x)), 2)
        change: Tensor = self.conv_out(act(x))
        return change * strength.repeat_interleave(LATENT_FACTOR, 2).repeat_interleave(LATENT_FACTOR, 3)


def _icnr(conv: nn.Conv2d) -> None:
    """Equal sub-pixels at the start, by Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017."""
    assert conv.bias is not None
    conv.weight.copy_(conv.weight[::4].clone().repeat_interleave(4, 0))
    conv.bias.copy_(conv.bias[::4].clone().repeat_interleave(4, 0))

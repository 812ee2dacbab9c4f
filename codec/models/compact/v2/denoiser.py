"""The denoiser: one step from z_hat and noise to z0, scaled by a timestep map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import Conv2d, ResBlock, act
from codec.models.compact.v2.config import LATENT_CHANNELS, LATENT_FACTOR, NOISE_CHANNELS, CompactConfig

#: Largest timestep the family uses (the published TADM's predictor range ends here as well).
MAX_TIMESTEP = 200.0


class CompactDenoiser(nn.Module):
    """Texture: the change of the picture, in proportion to the timestep. One for all scales, each with its own entry.

    It reads the features of the reader's trunk and noise beside z_hat, and works at 1/4 resolution. Where the stored
    picture is flat, noise is all that tells one place from the next: without it whatever is drawn there repeats with
    every cell, as a mesh.
    x_hat = pixels(z_hat) + (t / 200) * change, so that t = 0 gives exactly what the reader gives.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        width = config.denoiser_width
        seen = config.width + LATENT_CHANNELS + NOISE_CHANNELS + 1
        self.conv_in = nn.ModuleDict({str(s): Conv2d(seen, width, 3, padding=1) for s in config.denoisers})
        self.blocks = nn.Sequential(*[ResBlock(width) for _ in range(config.denoiser_blocks)])
        self.conv_out = Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        with torch.no_grad():
            self.conv_out.weight.mul_(0.1)
            assert self.conv_out.bias is not None
            self.conv_out.bias.zero_()

    def forward(self, features: Tensor, z_hat: Tensor, noise: Tensor, t: Tensor, scale: int) -> Tensor:
        """The change of the picture.

        Args:
            features: of the reader's trunk, float [B, width, h, w].
            z_hat: float [B, 48, h, w].
            noise: unit variance, float [B, 1, 4h, 4w]; it comes in in proportion to the timestep.
            t: effective timestep a latent cell, float [B, 1, h, w] in [0, 200].
            scale: HR/LR ratio, one that it has.

        Returns:
            Float [B, 3, 4h, 4w], exactly 0 where t is 0.
        """
        strength = t / MAX_TIMESTEP
        drawn = F.pixel_unshuffle(noise, LATENT_FACTOR) * strength
        x = self.blocks(self.conv_in[str(scale)](torch.cat([features, z_hat, drawn, strength], 1)))
        return F.pixel_shuffle(self.conv_out(act(x)) * strength, LATENT_FACTOR)

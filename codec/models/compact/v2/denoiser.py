"""The denoiser: one step from z_hat and noise to z0, scaled by a timestep map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import LUMA
from codec.models.compact.layers import Conv2d, ResBlock, act
from codec.models.compact.v2.config import (
    LATENT_CHANNELS,
    LATENT_FACTOR,
    NOISE_CHANNELS,
    SHADING_FLOOR,
    CompactConfig,
)

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
        self.shading = config.shading
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
        change = self.conv_out(act(x))
        if self.shading:
            change = shaded(change, z_hat, self.shading)
        return F.pixel_shuffle(change * strength, LATENT_FACTOR)


def shaded(change: Tensor, z_hat: Tensor, share: float) -> Tensor:
    """A change whose luma has a share of the colour of the cell that it falls on.

    What is drawn as luma alone is grey, and rough grey on a red wall or green leaves reads as dust. Where texture is
    light and shadow, red, green and blue change in one proportion.

    Args:
        change: float [B, 48, h, w].
        z_hat: what it is added to, float [B, 48, h, w].
        share: of the colour, 0..1.

    Returns:
        Float [B, 48, h, w].
    """
    weights = change.new_tensor(LUMA).view(3, 1, 1, 1)
    drawn, below = (x.unflatten(1, (3, LATENT_FACTOR**2)) for x in (change, z_hat))
    colour = below.mean(2, keepdim=True)
    brightness = (colour * weights).sum(1, keepdim=True)
    tone = share * (colour - brightness) / ((brightness + 1).clamp_min(0) + SHADING_FLOOR)
    return change + ((drawn * weights).sum(1, keepdim=True) * tone).flatten(1, 2)

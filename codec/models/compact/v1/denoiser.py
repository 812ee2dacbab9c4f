"""The compact denoiser: one step from z_hat to z0, conditioned on a timestep map and on specified noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import Conv2d, ResBlock, Upsample, act_
from codec.models.compact.v1.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig
from codec.models.compact.v1.latent import PixelLatent

#: Latent rows that the detail head works on at once outside training, and those beside them that it sees: it has few
#: channels but many pixels, and would need more memory than all the rest.
_STRIP, _REACH = 32, 4
#: Largest timestep the family uses (the published TADM's predictor range ends here as well).
MAX_TIMESTEP = 200.0


class CompactDenoiser(nn.Module):
    """A small U-Net at 1/4, 1/8, 1/16 with a detail head at 1/2 and full resolution.

    It returns the change d it makes to the latent, z0 = z_hat + d, and never a noise estimate. Eq. 9 of TADM holds with
    eps = n - sqrt(abar / (1 - abar)) d for the known noise n: a change of variables, which keeps d finite as t -> 0.
    The network was trained as a conditional generator (fidelity, then adversarial), not to denoise a diffusion process.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        w4, w8, w16 = config.widths
        noise = LATENT_FACTOR**2
        self.conv_in = Conv2d(LATENT_CHANNELS + noise + 3, w4, 3, padding=1)
        self.down4 = _blocks(w4, config.blocks[0])
        self.to8 = Conv2d(4 * w4, w8, 1)
        self.down8 = _blocks(w8, config.blocks[1])
        self.to16 = Conv2d(4 * w8, w16, 1)
        self.mid16 = _blocks(w16, config.blocks[2])
        self.from16 = Upsample(w16, w8, 1)
        self.up8 = _blocks(w8, config.up_blocks[0])
        self.from8 = Upsample(w8, w4, 1)
        self.up4 = _blocks(w4, config.up_blocks[1])
        self.to2 = Upsample(w4, config.half_width, 3)
        self.join2 = Conv2d(config.half_width + 12 + 4, config.half_width, 3, padding=1)
        self.block2 = ResBlock(config.half_width)
        self.to1 = Upsample(config.half_width, 8, 3)
        self.conv_out = Conv2d(8 + 1, 3, 3, padding=1)
        with torch.no_grad():
            self.conv_out.weight.mul_(0.1)
            assert self.conv_out.bias is not None
            self.conv_out.bias.zero_()

    def forward(self, z_hat: Tensor, noise: Tensor, t: Tensor, quality: Tensor, scale: int) -> Tensor:
        """The change of the latent in one denoising step.

        Args:
            z_hat: float [B, 48, h, w], nominally in [-1, 1]; h and w multiples of 4.
            noise: float [B, 1, 4h, 4w], unit variance already multiplied by the gain of t (see `scheduler.noise_gain`).
            t: float [B, 1, h, w] in [0, 200]: realism times the predicted timestep.
            quality: float [B, 1, 1, 1], payload quality / 100.
            scale: HR/LR ratio of the LR that z_hat came from.

        Returns:
            d, float [B, 48, h, w]; z0 = z_hat + d.
        """
        x4 = self._trunk(z_hat, noise, t, quality, scale)
        h = z_hat.shape[2]
        if torch.is_grad_enabled() or h <= 2 * _STRIP:
            return self._head(x4, z_hat, noise)
        change = torch.empty_like(z_hat)
        for top in range(0, h, _STRIP):
            first, last = max(0, top - _REACH), min(h, top + _STRIP + _REACH)
            strip = self._head(x4[:, :, first:last], z_hat[:, :, first:last], noise[:, :, 4 * first : 4 * last])
            change[:, :, top : top + _STRIP] = strip[:, :, top - first : top - first + _STRIP]
        return change

    def _trunk(self, z_hat: Tensor, noise: Tensor, t: Tensor, quality: Tensor, scale: int) -> Tensor:
        """The U-Net proper: features at 1/4 resolution, float [B, widths[0], h, w]."""
        b, _, h, w = z_hat.shape
        cond = torch.cat(
            [t / MAX_TIMESTEP, quality.to(t.dtype).expand(b, 1, h, w), torch.full_like(t, math.log2(scale) / 4)], 1
        )
        x4 = self.down4(self.conv_in(torch.cat([z_hat, F.pixel_unshuffle(noise, 4), cond], 1)))
        x8 = self.down8(self.to8(F.pixel_unshuffle(x4, 2)))
        x16 = self.mid16(self.to16(F.pixel_unshuffle(x8, 2)))
        x8 = self.up8(x8 + self.from16(x16))
        out: Tensor = self.up4(x4 + self.from8(x8))
        return out

    def _head(self, x4: Tensor, z_hat: Tensor, noise: Tensor) -> Tensor:
        """From features to pixels, at 1/2 and full resolution; returns the change of the latent."""
        detail = torch.cat([self.to2(x4), F.pixel_shuffle(z_hat, 2), F.pixel_unshuffle(noise, 2)], 1)
        x2 = self.block2(self.join2(detail))
        x1 = torch.cat([act_(self.to1(act_(x2))), noise], 1)
        return PixelLatent.encode(self.conv_out(x1))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[ResBlock(width) for _ in range(count)])

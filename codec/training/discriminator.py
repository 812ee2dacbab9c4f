"""Conditional patch discriminators: is this picture a photograph that belongs to this LR?"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """Strided convolutions with spectral normalisation; one logit a patch, and its layers for feature matching."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 4 * width)
        layers = [nn.Conv2d(6, widths[0], 4, 2, 1)]
        layers += [nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths[:-1])]
        layers += [nn.Conv2d(widths[-2], widths[-1], 3, 1, 1)]
        self.layers = nn.ModuleList([spectral_norm(layer) for layer in layers])
        self.logit = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits float [B, 1, H/8, W/8] and features a layer.

        Args:
            x: pictures, float [B, 3, H, W] in [-1, 1].
            condition: the LR enlarged to the same size.
        """
        features = []
        h = torch.cat([x, condition], 1)
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            features.append(h)
        logit: Tensor = self.logit(h)
        return logit, features


class MultiScaleDiscriminator(nn.Module):
    """The same network at full and half resolution, with weights of their own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList([PatchDiscriminator(width), PatchDiscriminator(width)])

    def forward(self, x: Tensor, condition: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Per scale: logits and features, see `PatchDiscriminator`."""
        out = []
        for net in self.nets:
            out.append(net(x, condition))
            x, condition = F.avg_pool2d(x, 2), F.avg_pool2d(condition, 2)
        return out


def hinge_discriminator(real: Tensor, fake: Tensor, weight: Tensor) -> Tensor:
    """Hinge loss of the discriminator, one value; `weight` float [B, 1, h, w] counts each patch."""
    loss = F.relu(1 - real) + F.relu(1 + fake)
    return (loss * weight).sum() / weight.sum().clamp_min(1e-3)


def hinge_generator(fake: Tensor, weight: Tensor) -> Tensor:
    """Hinge loss of the generator, one value."""
    return -(fake * weight).mean()


def feature_matching(real: list[Tensor], fake: list[Tensor], weight: Tensor) -> Tensor:
    """L1 between the discriminator's features of real and made pictures, normalised a layer; one value.

    Source: Wang et al., "High-resolution image synthesis with conditional GANs" (pix2pixHD), 2018, Eq. 4; normalised by
    the size of the real features so that no layer rules by scale alone.
    """
    total = weight.new_zeros(())
    for a, b in zip(real, fake, strict=True):
        w = F.adaptive_avg_pool2d(weight, (a.shape[-2], a.shape[-1]))
        total = total + ((a.detach() - b).abs() * w).mean() / a.detach().abs().mean().clamp_min(1e-4)
    return total / len(real)

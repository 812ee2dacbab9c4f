"""The pixel critic: is this picture a photograph that belongs to this LR?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it
from torch.nn.utils.parametrizations import spectral_norm


class PixelCritic(nn.Module):
    """Three levels over space-to-depth by 2: logits a patch at 1/4, 1/8 and 1/16 resolution. The first sees grain, the
    last whole objects of a crop.

    Space-to-depth instead of strided convolutions on pixels keeps every phase of the grid in sight at a quarter of the
    cost; spectral normalisation after Miyato et al., 2018.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        wide, deep = width * 4 // 3, 2 * width
        self.first = nn.ModuleList([_conv(24, width), _conv(width, wide, stride=2), _conv(wide, wide)])
        self.second = nn.ModuleList([_conv(wide, deep, stride=2), _conv(deep, deep), _conv(deep, deep)])
        self.third = nn.ModuleList([_conv(deep, deep, stride=2), _conv(deep, deep), _conv(deep, deep)])
        self.heads = nn.ModuleList([_conv(wide, 1), _conv(deep, 1), _conv(deep, 1)])

    def forward(self, x: Tensor, condition: Tensor) -> list[Tensor]:
        """Logits a level, float [B, 1, H/4, W/4], [B, 1, H/8, W/8], [B, 1, H/16, W/16].

        Args:
            x: pictures, float [B, 3, H, W] in [-1, 1], sides multiples of 16.
            condition: the LR enlarged to the same size.
        """
        h = F.pixel_unshuffle(torch.cat([x, condition], 1), 2).contiguous(memory_format=torch.channels_last)
        logits = []
        for level, head in zip((self.first, self.second, self.third), self.heads, strict=True):
            assert isinstance(level, nn.ModuleList)
            for layer in level:
                h = F.leaky_relu(layer(h), 0.2)
            logits.append(head(h))
        return logits


def hinge_critic(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Hinge loss of the critic, one value."""
    losses = [F.relu(1 - a.float()).mean() + F.relu(1 + b.float()).mean() for a, b in zip(real, made, strict=True)]
    return torch.stack(losses).mean()


def generator_loss(made: list[Tensor], weight: Tensor, levels: Sequence[float]) -> Tensor:
    """What the critic's logits of what was made cost the generator, one value. Logistic, so that nothing is gained by
    driving a critic that has been taken in further and further: with the hinge's line a run went astray that way.

    Args:
        made: logits a level.
        weight: how much each place of each picture counts, float [B, 1, h, w].
        levels: how much each level counts.
    """
    losses = [(F.softplus(-x.float()) * F.adaptive_avg_pool2d(weight, (x.shape[2], x.shape[3]))).mean() for x in made]
    return (torch.stack(losses) * torch.tensor(levels, device=weight.device)).sum()


def _conv(inside: int, out: int, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv2d(inside, out, 3, stride, 1))

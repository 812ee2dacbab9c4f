"""Discriminator heads on features of a frozen network, several levels of it, with soft labels.

Source: TUDSR, Eq. 3, 4, 6 to 9. The paper shows its head as a picture only, so that this one is ours: 1x1 convolution,
LeakyReLU, BlurPool by two, 3x3 convolution, LeakyReLU, 1x1 convolution to one map of logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

#: Labels of the paper: of photographs, and of what the generator wants to be taken for; of what it makes.
REAL, FAKE = 0.8, 0.0
_KERNEL, _SLOPE = (1.0, 3.0, 3.0, 1.0), 0.2


class BlurPool(nn.Module):
    """Half the size behind a binomial blur, so that a shifted picture is judged alike.

    Source: Zhang, "Making convolutional networks shift-invariant again", 2019.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor(_KERNEL) / sum(_KERNEL)
        self.register_buffer("kernel", line[:, None] * line[None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, h, w] -> [B, C, ceil(h/2), ceil(w/2)]; edges replicated."""
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(F.pad(x, (1, 2, 1, 2), mode="replicate"), kernel, stride=2, groups=channels)


class MultiLevelHeads(nn.Module):
    """A head a level: is this the feature map of a photograph?"""

    def __init__(self, widths: Sequence[int], inner: int = 256) -> None:
        """Begin at random.

        Args:
            widths: channels of the feature maps, one a level.
            inner: channels inside a head.
        """
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, inner, 1), nn.LeakyReLU(_SLOPE), BlurPool(), nn.Conv2d(inner, inner, 3, padding=1),
                nn.LeakyReLU(_SLOPE), nn.Conv2d(inner, 1, 1),
            )
            for width in widths
        )  # fmt: skip

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Logits a level, float [B, 1, ceil(h/2), ceil(w/2)], of its feature map, float [B, C, h, w]."""
        return [head(map_) for head, map_ in zip(self.heads, features, strict=True)]


def soft_bce(logits: Sequence[Tensor], label: float, weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of logits with a soft label, the mean over every map and then over levels (Eq. 6 and 7).

    Args:
        logits: a map a level, float [B, 1, h, w] of any h and w, or [B].
        label: 0..1.
        weight: how much each place counts, float [B, 1, H, W], brought to each map's size by means; None = alike.
    """
    levels = []
    for x in logits:
        loss = F.binary_cross_entropy_with_logits(x.float(), torch.full_like(x.float(), label), reduction="none")
        if weight is not None:
            loss = loss * F.adaptive_avg_pool2d(weight.float(), (loss.shape[2], loss.shape[3]))
        levels.append(loss.mean())
    return torch.stack(levels).mean()


def generator_loss(made: Sequence[Tensor], label: float = REAL, weight: Tensor | None = None) -> Tensor:
    """L_gen of the logits of what was made (Eq. 6); arguments as in `soft_bce`."""
    return soft_bce(made, label, weight)


def critic_loss(real: Sequence[Tensor], made: Sequence[Tensor], labels: tuple[float, float] = (REAL, FAKE)) -> Tensor:
    """L_real + L_fake, without a weight (Eq. 7 and 9); `labels` of photographs and of what was made."""
    return soft_bce(real, labels[0]) + soft_bce(made, labels[1])

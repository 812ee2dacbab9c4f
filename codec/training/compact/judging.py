"""A second critic for texture: heads on the frozen features that are compared anyway, so that it costs little."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from codec.training.compact.config import CompactStageConfig
from codec.training.compact.stages import autocast
from codec.training.heads import MultiLevelHeads, critic_loss, generator_loss
from codec.training.loop import update

#: Channels inside a head; the feature maps are small.
_INNER = 64


class FeatureCritic:
    """Learns to tell features of photographs from those of what is made. Of several levels it leaves out the first:
    that shows grain, which the pixel critic sees as well, and costs as much as all the others.

    Attributes:
        heads: one a level.
        optimizer: of them.
    """

    def __init__(
        self, widths: Sequence[int], sizes: Sequence[float], config: CompactStageConfig, device: torch.device
    ) -> None:  # fmt: skip
        """Begin at random.

        Args:
            widths: channels of the feature maps.
            sizes: about how large their values are: heads that begin at random see values near one.
            config: of the stage.
            device: of the heads.
        """
        self._from = min(1, len(widths) - 1)
        self._sizes, self._device, self._clip = sizes[self._from :], device, config.clip
        self.heads = MultiLevelHeads(widths[self._from :], _INNER).to(device)
        self.optimizer = torch.optim.AdamW(self.heads.parameters(), config.critic_rate, (0.5, 0.98), weight_decay=0.0)

    def learn(self, real: Sequence[Tensor], made: Sequence[Tensor]) -> float:
        """Update the heads on feature maps of photographs and of what was made; returns the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self._device):
            loss = critic_loss(self._logits(real), self._logits([m.detach() for m in made]))
        loss.backward()
        update(self.optimizer, self._clip)
        return float(loss.detach())

    def judge(self, made: Sequence[Tensor], weight: Tensor) -> Tensor:
        """How little the feature maps look like a photograph's, one value; the heads take no gradient.

        Args:
            made: feature maps, with gradient.
            weight: how much each place counts, float [B, 1, h, w].
        """
        self.heads.requires_grad_(False)
        with autocast(self._device):
            logits = self._logits(made)
        self.heads.requires_grad_(True)
        return generator_loss(logits, weight=weight)

    def _logits(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return list(self.heads([m / size for m, size in zip(maps[self._from :], self._sizes, strict=True)]))

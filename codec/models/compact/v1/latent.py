"""The compact latent codec: a rearrangement of pixels, with no parameters, no cost and no ceiling."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.v1.config import LATENT_FACTOR


class PixelLatent:
    """Space-to-depth by 4: a latent cell holds the 48 samples of 4 x 4 RGB pixels. Exact in both directions."""

    @staticmethod
    def encode(x: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] -> latent [B, 48, H/4, W/4]; sides are multiples of 4."""
        return F.pixel_unshuffle(x, LATENT_FACTOR)

    @staticmethod
    def decode(z: Tensor) -> Tensor:
        """Latent [B, 48, h, w] -> pixels [B, 3, 4h, 4w]."""
        return F.pixel_shuffle(z, LATENT_FACTOR)

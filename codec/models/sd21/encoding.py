"""The way down: pixels -> latent -> LR, which needs neither U-Net nor adapters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.errors import InputError
from codec.geometry import Size, lr_size, padded
from codec.models.sd21.config import Conventions
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.geometry import LATENT_HR_MULTIPLE
from codec.models.sd21.vae import LatentCodec


class LrEncoder(nn.Module):
    """x -> pad -> latent codec -> z -> rescaler down -> LR (float), for one scale. All of it runs in float32."""

    def __init__(self, latent_codec: LatentCodec, rescaler: Rescaler, conventions: Conventions | None = None) -> None:
        super().__init__()
        self.conventions = conventions or Conventions()
        self.latent_codec = latent_codec
        self.rescaler = rescaler

    @property
    def scale(self) -> int:
        """HR/LR ratio."""
        return self.rescaler.config.scale

    @torch.no_grad()
    def encode_padded(self, x: Tensor) -> Tensor:
        """LR of the picture padded to multiples of 64, which is what the published code stores.

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1].

        Returns:
            LR before rounding, float32 [B, 3, ceil(H/64)*64/scale, ceil(W/64)*64/scale], nominally in [-1, 1].

        Raises:
            InputError: not a batch of RGB pictures.
        """
        check_pictures(x)
        x = extend(x.float(), padded(x.shape[2], LATENT_HR_MULTIPLE), padded(x.shape[3], LATENT_HR_MULTIPLE))
        z = given_latent(self.conventions, self.latent_codec.encode(x), self.latent_codec.scaling_factor)
        return self.rescaler.down(x, z)

    def encode(self, x: Tensor) -> Tensor:
        """LR of a picture: `encode_padded` without the part that comes from padding alone.

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1].

        Returns:
            LR before rounding, float32 [B, 3, ceil(H/scale), ceil(W/scale)], nominally in [-1, 1].

        Raises:
            InputError: not a batch of RGB pictures.
        """
        lr = self.encode_padded(x)
        stored = lr_size(Size(width=x.shape[3], height=x.shape[2]), self.scale)
        return lr[:, :, : stored.height, : stored.width]


def given_latent(conventions: Conventions, z: Tensor, factor: float) -> Tensor:
    """A latent times the VAE's scaling factor as the rescaler takes it, float [B, 4, h, w] -> the same shape."""
    return z if conventions.latent_in == "scaled" else z / factor


def taken_latent(conventions: Conventions, z_hat: Tensor, factor: float) -> Tensor:
    """A latent as the rescaler gives it -> not times the scaling factor, float [B, 4, h, w] -> the same shape."""
    return z_hat if conventions.latent_out == "unscaled" else z_hat / factor


def extend(x: Tensor, height: int, width: int) -> Tensor:
    """Pad at the right and bottom: float [B, C, h, w] -> [B, C, height, width].

    By reflection, as published; along an axis too short to be reflected that far, by repeating its last sample.
    """
    down, right = height - x.shape[2], width - x.shape[3]
    if down:
        x = F.pad(x, (0, 0, 0, down), mode="reflect" if down < x.shape[2] else "replicate")
    if right:
        x = F.pad(x, (0, right, 0, 0), mode="reflect" if right < x.shape[3] else "replicate")
    return x


def check_pictures(x: Tensor) -> None:
    """Raises:
    InputError: not float pictures [B, 3, H, W].
    """
    if x.ndim != 4 or x.shape[1] != 3 or 0 in x.shape or not x.is_floating_point():
        raise InputError(f"expected float pictures [B, 3, H, W], got {x.dtype} {list(x.shape)}")

"""The latent codec: Stable Diffusion's VAE, its decoder with LoRA."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from codec.models.sd21.vae_strips import decode_in_strips


class LatentCodec(nn.Module):
    """Pixels <-> latent at 1/8, 4 channels. Latents outside carry the scaling factor (0.18215 in SD 2.1).

    Group normalisation and the mid-block's attention look at the whole input: a pixel depends on everything decoded
    with it, so decoding in tiles is not exactly decoding whole.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    @property
    def scaling_factor(self) -> float:
        """What the VAE's own latent is multiplied by to get unit variance."""
        return float(self.vae.config.scaling_factor)

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move to a device; only the decoder takes `dtype`, so that the LR does not depend on it."""
        self.to(device, torch.float32)
        self.vae.decoder.to(dtype=dtype)
        if self.vae.post_quant_conv is not None:
            self.vae.post_quant_conv.to(dtype=dtype)

    def encode(self, x: Tensor) -> Tensor:
        """Pixels -> latent: float [B, 3, H, W] in [-1, 1] -> z times the scaling factor, float32 [B, 4, H/8, W/8].

        The posterior's mode, not a sample: the same picture gives the same bytes.
        """
        z: Tensor = self.vae.encode(x.float()).latent_dist.mode()
        return z * self.scaling_factor

    def decode(self, z: Tensor, strip: int | None = None) -> Tensor:
        """Latent -> pixels.

        Args:
            z: times the scaling factor, float [B, 4, h, w].
            strip: values of a map that are worked on together, see `decode_in_strips`; None = all.

        Returns:
            Float32 [B, 3, 8h, 8w] in [-1, 1].
        """
        return self.decode_unclamped(z, strip).clamp(-1.0, 1.0)

    def decode_unclamped(self, z: Tensor, strip: int | None = None) -> Tensor:
        """`decode` before values are cut to the range, as training needs it."""
        z = (z / self.scaling_factor).to(self.vae.decoder.conv_out.weight.dtype)
        x: Tensor = self.vae.decode(z, return_dict=False)[0] if strip is None else decode_in_strips(self.vae, z, strip)
        return x.float()

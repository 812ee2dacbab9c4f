"""TUDSR put together: passes of one step of diffusion each, over pictures that were enlarged before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec.models.sd21.one_step import epsilon
from codec.models.sd21.vae import LatentCodec
from codec.models.tudsr.config import TudsrConfig
from codec.models.tudsr.switching import PassDenoisers


class TudsrPipeline(nn.Module):
    """x_hat = G(x, t): VAE encoder, U-Net with a pass's adapter, Eq. 2, VAE decoder.

        LR -> x M -> G with the first adapter at t1 -> m -> x N -> G with the second adapter at t2 -> photograph

    What is between passes is `codec.models.tudsr.passes`.
    """

    alphas_cumprod: Tensor

    def __init__(
        self, *, config: TudsrConfig, latent_codec: LatentCodec, denoisers: PassDenoisers, alphas_cumprod: Tensor
    ) -> None:
        super().__init__()
        self.config, self.latent_codec, self.denoisers = config, latent_codec, denoisers
        self.register_buffer("alphas_cumprod", alphas_cumprod.float(), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.denoisers.prompt.device

    def place(self, device: torch.device, dtype: torch.dtype) -> TudsrPipeline:
        """Move to a device, in place; networks take `dtype` (float32, bfloat16), the noise schedule stays float32."""
        self.to(device)
        self.denoisers.to(dtype=dtype)
        self.latent_codec.to(dtype=dtype)
        return self

    def compile_networks(self) -> None:
        """Compile U-Nets and both halves of the VAE, in place. An adapter that is switched cannot be compiled: the
        denoisers have to be merged first, or there be but one.
        """
        vae = self.latent_codec.vae
        unets = () if self.denoisers.shared else tuple(n.unet for n in self.denoisers.networks)
        for network in (*unets, vae.encoder, vae.decoder):
            network.to(memory_format=torch.channels_last)
            network.compile(dynamic=False)

    def encode(self, x: Tensor) -> Tensor:
        """Pixels -> latent: float [B, 3, H, W] in [-1, 1], sides multiples of 64, -> float32 [B, 4, H/8, W/8].

        Times the scaling factor; the posterior's mode.
        """
        vae = self.latent_codec.vae
        z: Tensor = vae.encode(x.to(vae.encoder.conv_in.weight.dtype)).latent_dist.mode()
        return z.float() * self.latent_codec.scaling_factor

    def denoised(self, number: int, z: Tensor, t: int) -> Tensor:
        """Eq. 2: z0 = (z - sqrt(1 - abar) eps) / sqrt(abar), float32 [B, 4, h, w].

        Args:
            number: of the pass, from 0.
            z: as `encode` gives it.
            t: timestep, 0..999.
        """
        eps = self.denoisers(number, z, torch.full((len(z),), t, device=z.device))
        return epsilon(z, eps, self.alphas_cumprod[t])

    def forward(self, number: int, x: Tensor, t: int, *, denoise: bool = True) -> Tensor:
        """One pass over enlarged pictures: x_hat, float32 [B, 3, H, W], nominally in [-1, 1] and not clamped.

        Args:
            number: of the pass, from 0.
            x: float [B, 3, H, W] in [-1, 1], sides multiples of 64.
            t: timestep, 0..999.
            denoise: False leaves the U-Net out: what the VAE alone makes of it.
        """
        z = self.encode(x)
        return self.latent_codec.decode_unclamped(self.denoised(number, z, t) if denoise else z)

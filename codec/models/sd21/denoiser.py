"""The denoiser: Stable Diffusion's U-Net with LoRA, run once on each tile under one constant prompt."""

from __future__ import annotations

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from codec.errors import ModelError


class Denoiser(nn.Module):
    """eps = eps_theta(z_hat, t), the noise in a rescaled latent (TADM section 3.3)."""

    prompt: Tensor

    def __init__(self, unet: UNet2DConditionModel, prompt: Tensor) -> None:
        """Wrap a U-Net.

        Args:
            unet: with its adapter loaded or merged.
            prompt: embedding of the constant prompt, float [1, tokens, unet.config.cross_attention_dim].

        Raises:
            ModelError: the prompt's shape does not fit the U-Net.
        """
        super().__init__()
        width = unet.config.cross_attention_dim
        if prompt.ndim != 3 or prompt.shape[0] != 1 or prompt.shape[2] != width:
            raise ModelError(f"prompt embedding: shape is {tuple(prompt.shape)}, expected (1, tokens, {width})")
        self.unet = unet
        self.register_buffer("prompt", prompt.detach().clone().float())

    def forward(self, z_hat: Tensor, t: Tensor) -> Tensor:
        """The noise in latent tiles.

        Args:
            z_hat: times the VAE's scaling factor, float [B, 4, h, w], h and w multiples of 8.
            t: predicted timesteps, float32 [B]; not rounded.

        Returns:
            eps, float32 [B, 4, h, w].
        """
        prompt = self.prompt.expand(len(z_hat), -1, -1)
        eps: Tensor = self.unet(z_hat.to(prompt.dtype), t, encoder_hidden_states=prompt, return_dict=False)[0]
        return eps.float()

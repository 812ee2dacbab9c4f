"""The time-aware VAE encoder (TAE): Stable Diffusion's, told how strongly the picture will be denoised.

Source: TADSR, section 3.2; what the paper leaves open follows the release: the embedding is a sinusoid of 128, cosines
first, through two linear layers; every ResNet block of the encoder scales and shifts by it behind its second norm.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

#: Least width of the sinusoid, and by how much the embedding is wider.
_LEAST_WIDTH, _WIDER = 128, 2


class TimeAwareEncoder(nn.Module):
    """z = E(x, t_s), Eq. 4 of TADSR. It has no effect of its own at first: then it is the plain encoder at every t_s.

    Attributes:
        vae: the VAE that was given, its encoder's blocks changed in place; its decoder is untouched.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        """Give a VAE's encoder the sense of time, with layers that have no effect yet.

        Args:
            vae: plain; afterwards its own `encode` cannot be used.
        """
        super().__init__()
        encoder = vae.encoder
        width = max(_LEAST_WIDTH, vae.config.block_out_channels[0])
        self.waves = Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0)
        encoder.time_embedding = TimestepEmbedding(width, _WIDER * width)
        for block in time_blocks(vae):
            block.time_embedding_norm = "scale_shift"
            block.time_emb_proj = nn.Linear(_WIDER * width, 2 * block.out_channels)
            nn.init.zeros_(block.time_emb_proj.weight)
            nn.init.zeros_(block.time_emb_proj.bias)
        self.vae = vae

    @property
    def scaling_factor(self) -> float:
        """What the VAE's own latent is multiplied by to get unit variance."""
        return float(self.vae.config.scaling_factor)

    def forward(self, x: Tensor, t_s: Tensor) -> Tensor:
        """The posterior's mode.

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1], sides multiples of 8.
            t_s: timesteps, [B].

        Returns:
            z times the scaling factor, float32 [B, 4, H/8, W/8].
        """
        return self.posterior(x, t_s)[0] * self.scaling_factor

    def posterior(self, x: Tensor, t_s: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent, *not* times the scaling factor, float32 [B, 4, H/8, W/8] each."""
        encoder = self.vae.encoder
        x = x.to(encoder.conv_in.weight.dtype)
        time = encoder.time_embedding(self.waves(t_s.to(x.device).expand(len(x))).to(x.dtype))
        h = encoder.conv_in(x)
        for block in encoder.down_blocks:
            for resnet in block.resnets:
                h = resnet(h, time)
            for downsampler in block.downsamplers or ():
                h = downsampler(h)
        first, *others = encoder.mid_block.resnets
        h = first(h, time)
        for attention, resnet in zip(encoder.mid_block.attentions, others, strict=True):
            h = resnet(h if attention is None else attention(h, temb=None), time)
        h = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(h)))
        if self.vae.quant_conv is not None:
            h = self.vae.quant_conv(h)
        mean, log_variance = torch.chunk(h.float(), 2, 1)
        return mean, log_variance.clamp(-30.0, 20.0)


class PlainEncoder(nn.Module):
    """The VAE's own encoder with the interface of `TimeAwareEncoder`: TADSR's ablation without TAE."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, t_s: Tensor) -> Tensor:
        """See `TimeAwareEncoder.forward`."""
        z: Tensor = self.vae.encode(x.to(self.vae.encoder.conv_in.weight.dtype)).latent_dist.mode()
        return z.float() * float(self.vae.config.scaling_factor)


def time_blocks(vae: AutoencoderKL) -> list[ResnetBlock2D]:
    """The ResNet blocks of a VAE's encoder, from the picture to the latent."""
    return [m for m in vae.encoder.modules() if isinstance(m, ResnetBlock2D)]


def is_time(name: str) -> bool:
    """Whether a tensor of a time-aware VAE belongs to the layers that were added."""
    return "time_emb" in name

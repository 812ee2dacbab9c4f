"""The time scheduler: Eq. 9 at a fixed timestep plus a learned term at the predicted one (Eq. 10)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.errors import ModelError
from codec.models.sd21.config import SchedulerConfig
from codec.models.sd21.layers import ConvAct, ResBlock
from codec.models.sd21.one_step import PREDICTIONS

_LONGEST_PERIOD = 10_000.0


class _TimeEmbedding(nn.Module):
    """Two linear layers with SiLU between them, on sines and cosines of the timestep: float [B] -> [B, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.linear_1 = nn.Linear(width, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        half = self.width // 2
        # Sines first, the last frequency exactly 1 / 10000: unlike the U-Net's own embedding, which has cosines first.
        steps = torch.arange(half, dtype=torch.float32, device=t.device)
        angle = t.float()[:, None] * torch.exp(-math.log(_LONGEST_PERIOD) * steps / (half - 1))[None]
        waves = torch.cat([angle.sin(), angle.cos()], 1).to(self.linear_1.weight.dtype)
        y: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return y


class FixedScheduler(nn.Module):
    """Eq. 9 at one timestep, whatever is predicted: the fixed term of Eq. 10, or all there is in an ablation.

    Attributes:
        form: from z_hat, prediction and alpha_bar to z0.
    """

    alpha_bar: Tensor

    def __init__(self, timestep: int, alphas_cumprod: Tensor, prediction: str = "epsilon") -> None:
        """Build.

        Args:
            timestep: t0.
            alphas_cumprod: the backbone's noise schedule, float [timesteps] in (0, 1).
            prediction: of the U-Net, see `codec.models.sd21.config.Conventions`.

        Raises:
            ModelError: t0 is not a timestep of the schedule.
        """
        super().__init__()
        if not 0 <= timestep < len(alphas_cumprod):
            raise ModelError(f"config: fixed timestep {timestep}, expected 0 to {len(alphas_cumprod) - 1}")
        self.form = PREDICTIONS[prediction]
        self.register_buffer("alpha_bar", alphas_cumprod[timestep].detach().clone().float(), persistent=False)

    def fixed(self, z_hat: Tensor, eps: Tensor) -> Tensor:
        """Eq. 9 at t0: z0 = (z_hat - sqrt(1 - abar) eps) / sqrt(abar); shapes as in `forward`."""
        return self.form(z_hat, eps, self.alpha_bar)

    def forward(self, z_hat: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """One denoising step.

        Args:
            z_hat: latent times the VAE's scaling factor, float [B, 4, h, w].
            eps: noise the denoiser found in it (or v, where that is what it predicts), same shape.
            t: timesteps, float [B].

        Returns:
            z0, times the scaling factor, float [B, 4, h, w].
        """
        return self.fixed(z_hat, eps)


class TimeScheduler(FixedScheduler):
    """z0 = S_fixed(z_hat, eps, t0) + S_learned(z_hat, eps, t): Eq. 10 of TADM.

    The predicted t reaches only the learned term; the fixed one always uses t0 (`config.fixed_timestep`).
    """

    def __init__(self, config: SchedulerConfig, alphas_cumprod: Tensor, prediction: str = "epsilon") -> None:
        """Build with random weights; the last convolution starts at zero, so that training starts from Eq. 9.

        Args:
            config: widths and t0.
            alphas_cumprod: see `FixedScheduler`.
            prediction: likewise.

        Raises:
            ModelError: t0 is not a timestep of the schedule.
        """
        super().__init__(config.fixed_timestep, alphas_cumprod, prediction)
        self.config = config
        entry = ConvAct(2 * config.latent_channels, config.width)
        self.resnet_blocks = nn.ModuleList([entry, *(ResBlock(config.width) for _ in range(config.blocks))])
        self.time_embedding = _TimeEmbedding(config.width)
        self.zero_conv_out = ConvAct(config.width, config.latent_channels)
        nn.init.zeros_(self.zero_conv_out.conv_in.weight)
        if self.zero_conv_out.conv_in.bias is not None:
            nn.init.zeros_(self.zero_conv_out.conv_in.bias)

    def learned(self, z_hat: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """The learned term of Eq. 10; arguments and shape as in `forward`."""
        bias = self.time_embedding(t)[:, :, None, None]
        entry, *blocks = self.resnet_blocks
        x = entry(torch.cat([z_hat, eps], 1))
        for block in blocks:
            x = block(x, bias)
        y: Tensor = self.zero_conv_out(x)
        return y

    def forward(self, z_hat: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """See `FixedScheduler.forward`; t as predicted."""
        return self.fixed(z_hat, eps) + self.learned(z_hat, eps, t)

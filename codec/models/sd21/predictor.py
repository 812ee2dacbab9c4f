"""The timestep predictor (TPM): how noisy rescaling has left a latent tile, as a diffusion timestep."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec.models.sd21.config import PredictorConfig
from codec.models.sd21.layers import ConvAct, ResBlock


class FixedTimestep(nn.Module):
    """One timestep for every tile, and nothing to learn: the paper's ablation without time alignment."""

    def __init__(self, t: float) -> None:
        super().__init__()
        self.t_min = float(t)

    def forward(self, z_hat: Tensor) -> Tensor:
        """Float [B, 4, h, w] -> t, float32 [B]."""
        return torch.full((len(z_hat),), self.t_min, device=z_hat.device)


class _TimeHead(nn.Module):
    """Linear layers with ReLU between them, except before the last: float [B, in] -> [B, 1]."""

    def __init__(self, in_width: int, config: PredictorConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(in_width, config.hidden)]
        for _ in range(config.hidden_layers - 1):
            layers += [nn.ReLU(), nn.Linear(config.hidden, config.hidden)]
        self.fuse_mlp = nn.Sequential(*layers, nn.Linear(config.hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fuse_mlp(x)
        return y


class TimestepPredictor(nn.Module):
    """t = TPM(z_hat): mean and standard deviation of convolutional features, then a small head.

    Source: TADM section 3.3 and Fig. 1; the range [10, 200] is the release's.
    """

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__()
        self.config = config
        blocks = [ResBlock(config.width) for _ in range(config.blocks)]
        self.noise_esti = nn.Sequential(ConvAct(config.latent_channels, config.width), *blocks)
        self.time_predict = _TimeHead(2 * config.width, config)

    @property
    def t_min(self) -> float:
        """The smallest timestep, where realism 0 leads."""
        return self.config.t_min

    def forward(self, z_hat: Tensor) -> Tensor:
        """The timestep of each tile.

        Args:
            z_hat: latent tiles, times the VAE's scaling factor or not (`Conventions.predictor_in`), float [B, 4, h, w],
                at least two cells.

        Returns:
            t, float [B] in [t_min, t_max].
        """
        features = self.noise_esti(z_hat)
        # The released standard deviation divides by n - 1, torch's default.
        pooled = torch.cat([features.mean((2, 3)), features.std((2, 3))], 1)
        position = torch.sigmoid(self.time_predict(pooled).squeeze(1))
        t: Tensor = self.config.t_min + (self.config.t_max - self.config.t_min) * position
        return t

"""The compact timestep predictor: how wrong is each 64x64 px tile of z_hat, and so how much may be invented there."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.layers import Conv2d, act
from codec.models.compact.v1.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig

#: Range of predicted timesteps, as in the published TADM.
T_MIN, T_MAX = 10.0, 200.0
_CELLS = TIMESTEP_TILE // LATENT_FACTOR


class TimestepPredictor(nn.Module):
    """Predicts log2 of the mean absolute error of z_hat a tile, then maps it linearly to a timestep.

    The regression target is TADM's reading of rescaling as noise (its Fig. 3): the larger the error that rescaling
    left, the later the timestep. `log_error_range` holds the two log2 errors that map to t = 10 and t = 200; they
    are set from the held-out distribution when the predictor is trained and are part of the weights.
    """

    log_error_range: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.conv_in = Conv2d(LATENT_CHANNELS + 1, width, 1)
        self.conv1 = Conv2d(width, width, 3, padding=1)
        self.conv2 = Conv2d(width, width, 3, padding=1)
        self.fc1 = Conv2d(2 * width, 2 * width, 1)
        self.fc2 = Conv2d(2 * width, 1, 1)
        self.register_buffer("log_error_range", torch.tensor([-7.0, -3.0]))

    def log_error(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """Predicted log2 mean absolute error of z_hat, float [B, 1, h/16, w/16]; h and w multiples of 16."""
        b, _, h, w = z_hat.shape
        x = self.conv_in(torch.cat([z_hat, quality.to(z_hat.dtype).expand(b, 1, h, w)], 1))
        x = self.conv2(act(self.conv1(act(x)))).float()
        mean = F.avg_pool2d(x, _CELLS)
        spread = F.avg_pool2d(x.abs(), _CELLS)
        return self.fc2(act(self.fc1(torch.cat([mean, spread], 1)))) - 5.0

    def forward(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """Timestep a tile, float [B, 1, h/16, w/16] in [10, 200]."""
        low, high = self.log_error_range
        position = (self.log_error(z_hat, quality) - low) / (high - low)
        return T_MIN + (T_MAX - T_MIN) * position.clamp(0, 1)


def spread_over_cells(t: Tensor) -> Tensor:
    """Timesteps a tile [B, 1, H/64, W/64] -> a smooth map a cell [B, 1, H/4, W/4], bilinear between centres."""
    return F.interpolate(t, scale_factor=_CELLS, mode="bilinear", align_corners=False)

"""The compact family put together: parts by name, and one differentiable pass from LR to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.errors import ModelError
from codec.models.compact.v1.config import LATENT_FACTOR, CompactConfig
from codec.models.compact.v1.denoiser import CompactDenoiser
from codec.models.compact.v1.latent import PixelLatent
from codec.models.compact.v1.predictor import TimestepPredictor, spread_over_cells
from codec.models.compact.v1.reader import LRReader
from codec.models.compact.v1.scheduler import noise_gain
from codec.models.compact.v1.writer import LRWriter


@dataclass(frozen=True)
class Reconstruction:
    """What one pass gives.

    Attributes:
        z_hat: latent before denoising, float [B, 48, h, w].
        t: effective timestep a latent cell (realism times predicted), float [B, 1, h, w].
        x_hat: pixels, float [B, 3, 4h, 4w], nominally in [-1, 1].
    """

    z_hat: Tensor
    t: Tensor
    x_hat: Tensor


class CompactModel(nn.Module):
    """Writers, readers and predictors (one a scale) around the shared denoiser.

    hr, downscale, quality -> writer -> lr
    lr, quality -> reader -> z_hat -> predictor -> t
                               |                   |
                               +-> denoiser(noise * gain(realism * t)) -> d
                               z0 = z_hat + d -> depth-to-space -> x_hat
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.readers = nn.ModuleDict({str(s): LRReader(config, s) for s in config.scales})
        self.predictors = nn.ModuleDict({str(s): TimestepPredictor(config) for s in config.scales})
        self.writers = nn.ModuleDict({str(s): LRWriter(config, s) for s in config.writers})
        self.denoiser = CompactDenoiser(config)

    def parts(self) -> dict[str, nn.Module]:
        """Modules by the name their weights have in a model package: `denoiser`, `reader4`, `predictor4`, ..."""
        named: dict[str, nn.Module] = {"denoiser": self.denoiser}
        for scale in self.config.scales:
            named[f"reader{scale}"] = self.readers[str(scale)]
            named[f"predictor{scale}"] = self.predictors[str(scale)]
        named |= {f"writer{scale}": self.writers[str(scale)] for scale in self.config.writers}
        return named

    def predictor(self, scale: int) -> TimestepPredictor:
        """The timestep predictor of a scale."""
        module = self.predictors[str(scale)]
        assert isinstance(module, TimestepPredictor)
        return module

    def writer(self, scale: int) -> LRWriter:
        """The LR writer of a scale.

        Raises:
            ModelError: this model has none for it.
        """
        if scale not in self.config.writers:
            raise ModelError(f"the model has no LR writer for scale {scale}")
        module = self.writers[str(scale)]
        assert isinstance(module, LRWriter)
        return module

    def channels_last_on(self, device: torch.device) -> CompactModel:
        """Move to a device, with the weight layout its convolutions are fastest in."""
        self.to(device)
        for parameter in self.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return self

    def write(self, hr: Tensor, quality: Tensor, scale: int) -> Tensor:
        """What the LR holds beside the downscale; see `LRWriter.forward`."""
        residual: Tensor = self.writer(scale)(hr, quality)
        return residual

    def read(self, lr: Tensor, quality: Tensor, scale: int) -> Tensor:
        """z_hat of an LR picture; see `LRReader.forward`."""
        z_hat: Tensor = self.readers[str(scale)](lr, quality)
        return z_hat

    def predict(self, z_hat: Tensor, quality: Tensor, scale: int) -> Tensor:
        """Timestep a 64 px tile; see `TimestepPredictor.forward`."""
        t: Tensor = self.predictor(scale)(z_hat, quality)
        return t

    def denoise(self, z_hat: Tensor, noise: Tensor, t: Tensor, quality: Tensor, scale: int) -> Tensor:
        """Latent after one denoising step.

        Args:
            z_hat: float [B, 48, h, w].
            noise: unit-variance noise, float [B, 1, 4h, 4w].
            t: effective timestep a latent cell, float [B, 1, h, w] in [0, 200]; 0 = no noise at all.
            quality: float [B, 1, 1, 1], payload quality / 100.
            scale: HR/LR ratio.

        Returns:
            z0, float [B, 48, h, w].
        """
        gain = noise_gain(t).repeat_interleave(LATENT_FACTOR, 2).repeat_interleave(LATENT_FACTOR, 3)
        change = self.denoiser(z_hat, noise * gain, t, quality, scale)
        z0: Tensor = z_hat + change
        return z0

    def forward(self, lr: Tensor, quality: Tensor, scale: int, realism: Tensor, noise: Tensor) -> Reconstruction:
        """LR -> pixels with the predicted timestep; realism float [B, 1, 1, 1] in [0, 1]."""
        z_hat = self.read(lr, quality, scale)
        with torch.no_grad():
            t = realism * spread_over_cells(self.predict(z_hat, quality, scale))
        x_hat = PixelLatent.decode(self.denoise(z_hat, noise, t, quality, scale))
        return Reconstruction(z_hat=z_hat, t=t, x_hat=x_hat)

"""The compact-2 family put together: parts by name, and one differentiable pass from LR to pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.errors import ModelError
from codec.models.compact.v2.config import LATENT_FACTOR, CompactConfig
from codec.models.compact.v2.denoiser import CompactDenoiser
from codec.models.compact.v2.reader import LRReader
from codec.models.compact.v2.writer import LRWriter


class CompactModel(nn.Module):
    """Writers, readers and denoisers, one a scale.

    hr, quality -> writer -> + downscale -> lr
    lr, quality -> reader -> features, z_hat -> pixels
                               |        |          |
                      noise -> +--> denoiser(t) -> + -> x_hat
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.readers = nn.ModuleDict({str(s): LRReader(config, s) for s in config.scales})
        self.denoisers = nn.ModuleDict({str(s): CompactDenoiser(config) for s in config.denoisers})
        self.writers = nn.ModuleDict({str(s): LRWriter(config, s) for s in config.writers})

    def parts(self) -> dict[str, nn.Module]:
        """Modules by the name their weights have in a model package: `reader4`, `denoiser4`, `writer4`, ..."""
        groups = {"reader": self.readers, "denoiser": self.denoisers, "writer": self.writers}
        return {f"{name}{scale}": part for name, group in groups.items() for scale, part in group.items()}

    def reader(self, scale: int) -> LRReader:
        """The LR reader of a scale."""
        module = self.readers[str(scale)]
        assert isinstance(module, LRReader)
        return module

    def denoiser(self, scale: int) -> CompactDenoiser:
        """The denoiser of a scale.

        Raises:
            ModelError: this model has none for it.
        """
        if scale not in self.config.denoisers:
            raise ModelError(f"the model has no denoiser for scale {scale}")
        module = self.denoisers[str(scale)]
        assert isinstance(module, CompactDenoiser)
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

    def forward(
        self, lr: Tensor, quality: Tensor, scale: int, t: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:  # fmt: skip
        """LR -> pixels.

        Args:
            lr: float [B, 3, h, w] in [-1, 1]; h and w times the scale are multiples of 8.
            quality: float [B, 1, 1, 1], payload quality / 100, 1 = lossless.
            scale: HR/LR ratio.
            t: effective timestep a latent cell, float [B, 1, h*scale/4, w*scale/4] in [0, 200]; None = realism 0, the
                reader alone.
            noise: unit variance, float [B, 1, h*scale, w*scale]; with `t` only.

        Returns:
            x_hat, float [B, 3, h*scale, w*scale], nominally in [-1, 1].
        """
        reader = self.reader(scale)
        features = reader.features(lr, quality)
        z_hat = reader.latent(features, lr)
        x_hat = F.pixel_shuffle(z_hat, LATENT_FACTOR)
        if t is None:
            return x_hat
        assert noise is not None
        return x_hat + self.denoiser(scale)(features, z_hat, noise, t)

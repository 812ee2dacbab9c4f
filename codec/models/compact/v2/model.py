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
    """Writers and readers, one a scale, and the denoiser of all.

    hr, quality -> writer -> + downscale -> lr
    lr, quality -> reader -> features, z_hat -> pixels
                               |        |          |
                      noise -> +--> denoiser(t) -> + -> x_hat
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.readers = nn.ModuleDict({str(s): LRReader(config, s) for s in config.scales})
        self.denoiser = CompactDenoiser(config) if config.denoisers else None
        self.writers = nn.ModuleDict({str(s): LRWriter(config, s) for s in config.writers})

    def parts(self) -> dict[str, nn.Module]:
        """Modules by the name their weights have in a model package: `reader4`, `writer4`, ..., `denoiser`."""
        groups = {"reader": self.readers, "writer": self.writers}
        parts = {f"{name}{scale}": part for name, group in groups.items() for scale, part in group.items()}
        return parts if self.denoiser is None else parts | {"denoiser": self.denoiser}

    def reader(self, scale: int) -> LRReader:
        """The LR reader of a scale."""
        module = self.readers[str(scale)]
        assert isinstance(module, LRReader)
        return module

    def change(self, features: Tensor, z_hat: Tensor, noise: Tensor, t: Tensor, scale: int) -> Tensor:
        """What the denoiser adds to the picture; see `denoiser.CompactDenoiser.forward`.

        Raises:
            ModelError: this model has none for the scale.
        """
        if self.denoiser is None or scale not in self.config.denoisers:
            raise ModelError(f"the model has no denoiser for scale {scale}")
        out: Tensor = self.denoiser(features, z_hat, noise, t, scale)
        return out

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
        return x_hat + self.change(features, z_hat, noise, t, scale)

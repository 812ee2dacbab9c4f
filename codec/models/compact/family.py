"""The compact family as the decoder uses it: from a piece of LR to a piece of photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.package import load_first
from codec.models.compact.v1.config import LATENT_FACTOR
from codec.models.compact.v1.latent import PixelLatent
from codec.models.compact.v1.model import CompactModel
from codec.models.compact.v1.predictor import spread_over_cells
from codec.models.device import needing_memory
from codec.models.rounding import from_uint8, to_uint8

FloatArray = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Dial:
    """What the user decides about one decode; see `codec.options.DecodeOptions`."""

    realism: float = 1.0
    denoise: bool = True


class CompactFamily:
    """Networks of one scale, ready to run.

    Attributes:
        scale: HR/LR ratio.
        tile: side of a timestep tile in HR pixels; pieces start and end on multiples of it.
        halo: HR pixels around a piece that can influence it, a multiple of `tile`.
    """

    tile = TIMESTEP_TILE

    def __init__(self, model: CompactModel, scale: int, device: torch.device, dtype: torch.dtype) -> None:
        self.scale = scale
        self.halo = halo(model, scale)
        self._model = model.channels_last_on(device)
        self._device, self._dtype = device, dtype

    @classmethod
    def load(cls, folder: Path, scale: int, device: torch.device, dtype: torch.dtype) -> CompactFamily:
        """From a model package.

        Raises:
            ModelError: the package is incomplete or lacks the scale.
        """
        return cls(load_first(folder, (scale,), decoding=True), scale, device, dtype)

    @torch.inference_mode()
    def read(self, lr: Tensor, quality: int) -> Tensor:
        """See `codec.models.roles.Family.read`."""
        with self._precision():
            return self._model.read(lr, self._quality(quality, lr), self.scale).float()

    @torch.inference_mode()
    def predict(self, z_hat: Tensor, quality: int) -> Tensor:
        """See `codec.models.roles.Family.predict`; a tile is 64 x 64 HR pixels."""
        with self._precision():
            return self._model.predict(z_hat, self._quality(quality, z_hat), self.scale)[:, 0].float()

    @torch.inference_mode()
    def denoise(self, z_hat: Tensor, t: Tensor, quality: int, noise: Tensor | None) -> Tensor:
        """See `codec.models.roles.Family.denoise`; timesteps are interpolated smoothly between tiles."""
        b, _, h, w = z_hat.shape
        if noise is None:
            noise = z_hat.new_zeros(b, 1, h * LATENT_FACTOR, w * LATENT_FACTOR)
        with self._precision():
            cells = spread_over_cells(t[:, None])
            return self._model.denoise(z_hat, noise, cells, self._quality(quality, z_hat), self.scale).float()

    @torch.inference_mode()
    def to_pixels(self, z0: Tensor) -> Tensor:
        """See `codec.models.roles.Family.to_pixels`."""
        return PixelLatent.decode(z0)

    @torch.inference_mode()
    def restore(
        self, lr: PixelArray, quality: int, noise: FloatArray, timesteps: FloatArray | None, dial: Dial
    ) -> tuple[PixelArray, FloatArray]:
        """Decode one piece.

        Args:
            lr: uint8 [h, w, 3]; h and w times the scale are multiples of `tile`.
            quality: of the payload, 0..100.
            noise: float32 [h*scale, w*scale], unit variance, see `codec.tiling.noise`.
            timesteps: float32 [h*scale/64, w*scale/64] in [0, 200] to use instead of predictions.
            dial: realism and denoising.

        Returns:
            Pixels uint8 [h*scale, w*scale, 3] and the timestep a tile before realism, float32 [rows, columns].

        Raises:
            DeviceMemoryError: the device has too little memory; a smaller piece may fit.
        """
        with needing_memory(self._device, f"a piece of {lr.shape[1] * self.scale}x{lr.shape[0] * self.scale} px"):
            return self._restore(lr, quality, noise, timesteps, dial)

    def _restore(
        self, lr: PixelArray, quality: int, noise: FloatArray, timesteps: FloatArray | None, dial: Dial
    ) -> tuple[PixelArray, FloatArray]:
        z = self.read(from_uint8(torch.from_numpy(lr.copy()).to(self._device).permute(2, 0, 1)[None]), quality)
        given = None if timesteps is None else torch.from_numpy(timesteps).to(self._device)[None]
        t = self.predict(z, quality) if given is None else given
        if dial.denoise:
            z = self.denoise(z, dial.realism * t, quality, torch.from_numpy(noise).to(self._device)[None, None])
        out = to_uint8(self.to_pixels(z)[0])
        return out.permute(1, 2, 0).cpu().numpy(), t[0].cpu().numpy()

    def _quality(self, quality: int, like: Tensor) -> Tensor:
        return torch.full((like.shape[0], 1, 1, 1), quality / 100, device=self._device)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)


def halo(model: CompactModel, scale: int) -> int:
    """HR pixels around a piece that can influence it: the reach of all convolutions in line, rounded up to tiles.

    Each 3x3 convolution reaches one cell of its resolution. The timestep map adds the predictor's two convolutions and
    a tile and a half: at its farthest, a cell just past a tile's centre is interpolated with the whole of the next
    tile. A test measures the true reach against this.
    """
    c = model.config
    stages = int(math.log2(scale // LATENT_FACTOR))
    # bicubic reaches 2 LR pixels, less than conv_in and the first blocks together
    reader = scale + sum(2 * c.reader_blocks * (scale >> i) for i in range(stages + 1)) + LATENT_FACTOR
    predictor = 2 * LATENT_FACTOR + TIMESTEP_TILE * 3 // 2
    denoiser = 4 + 8 * (c.blocks[0] + c.up_blocks[1]) + 16 * (c.blocks[1] + c.up_blocks[0]) + 32 * c.blocks[2]
    # cells of 1/16 are shared by 16 px: a pixel reaches to the far end of its cell
    denoiser += 16 + 4 + 2 * (1 + 2) + 2 + 1
    return -(-(reader + predictor + denoiser) // TIMESTEP_TILE) * TIMESTEP_TILE

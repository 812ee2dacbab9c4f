"""The `sd21` family as the decoder uses it: from an LR picture to the photograph, on one device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.errors import DeviceMemoryError
from codec.models.device import needing_memory
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.package import load_package
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.tiles import Progress, TilePlan, run_tiles
from codec.models.sd21.vae import LatentCodec

#: (rows, columns) of latent cells -> tiles, or None for one tile. `codec.tiling` plans, and models may not import it.
Planner = Callable[[int, int], TilePlan | None]
PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

#: Latent cells of a VAE tile above which its decoder runs in strips, and values a strip then holds, tried in order.
_WHOLE_CELLS = 160**2
_STRIPS = (2**25, 2**22)
#: Denoiser tiles that run together at first.
_BATCH = {"cpu": 1, "cuda": 16}


class Sd21Family:
    """One scale of the published TADM; see `codec.models.roles.Family`.

    It knows no noise: the timestep alone decides how much is invented.

    Attributes:
        scale: HR/LR ratio.
        tile: None: its timestep map is one of the whole picture.
    """

    tile = None

    def __init__(self, pipeline: Sd21Pipeline, plan: Planner, *, batch: int | None = None) -> None:
        self.scale = pipeline.scale
        self._pipeline, self._plan = pipeline, plan
        self._device = pipeline.denoiser.prompt.device
        self._batch = batch or _BATCH.get(self._device.type, 4)

    @classmethod
    def load(
        cls, folder: Path, plan: Planner, device: torch.device, dtype: torch.dtype, *, compiled: bool = False
    ) -> Sd21Family:
        """From a model package.

        Args:
            folder: of the package.
            plan: the denoiser's tiles.
            device: to run on.
            dtype: of U-Net and VAE decoder, see `Sd21Pipeline.place`.
            compiled: compile both for the first tile shape they meet: slow to start, then faster.

        Raises:
            ModelError: the package or its backbone is incomplete.
            DeviceMemoryError: the device has too little memory for it.
        """
        with needing_memory(device, "the model"):
            pipeline = load_package(folder).place(device, dtype)
        if compiled:
            pipeline.compile_networks()
        return cls(pipeline, plan)

    @torch.inference_mode()
    def read(self, lr: Tensor, quality: int) -> Tensor:
        """See `Family.read`; the published rescaler does not look at the quality. Not times the scaling factor."""
        return self._pipeline.read(lr)

    @torch.inference_mode()
    def predict(self, z_hat: Tensor, quality: int) -> Tensor:
        """See `Family.predict`; a tile is one of the plan's."""
        return self._pipeline.predict(z_hat, self._tiles(z_hat), batch=self._batch)

    @torch.inference_mode()
    def denoise(self, z_hat: Tensor, t: Tensor, quality: int, noise: Tensor | None) -> Tensor:
        """See `Family.denoise`; times the scaling factor. `noise` has no place in this family."""
        return self._denoise(z_hat, t, None)

    @torch.inference_mode()
    def to_pixels(self, z0: Tensor) -> Tensor:
        """See `Family.to_pixels`; takes what `denoise` gives."""
        return self._to_pixels(z0, None)

    @torch.inference_mode()
    def restore(
        self, lr: PixelArray, vae_plan: TilePlan | None, *, timesteps: FloatArray | None = None,
        realism: float = 1.0, denoise: bool = True, progress: Progress | None = None,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """Decode a picture.

        Args:
            lr: uint8 [h, w, 3]; h and w times the scale are multiples of 64.
            vae_plan: tiles of the VAE's decoder; None = one tile.
            timesteps: float32 [rows, columns] of the denoiser's tiles, to use instead of predictions.
            realism: 0..1; moves timesteps towards the smallest that can be predicted.
            denoise: False shows what the rescaler gives.
            progress: called after each batch of the denoiser's tiles.

        Returns:
            Pixels uint8 [h*scale, w*scale, 3] and the timestep a tile before realism, float32 [rows, columns].

        Raises:
            DeviceMemoryError: the device has too little memory even for one tile at a time and the thinnest strips.
        """
        stored = torch.from_numpy(np.ascontiguousarray(lr)).to(self._device)
        z = self.read(from_uint8(stored.permute(2, 0, 1)[None]), 100)
        t = self.predict(z, 100) if timesteps is None else torch.from_numpy(timesteps).to(self._device)[None]
        if denoise:
            t_min = self._pipeline.predictor.config.t_min
            z0 = self._denoise(z, t_min + realism * (t - t_min), progress)
        else:
            z0 = z * self._pipeline.latent_codec.scaling_factor
        out = to_uint8(self._to_pixels(z0, vae_plan)[0])
        return out.permute(1, 2, 0).contiguous().cpu().numpy(), t[0].cpu().numpy()

    def _denoise(self, z_hat: Tensor, t: Tensor, progress: Progress | None) -> Tensor:
        """With as many tiles at a time as memory holds: the batch changes nothing but rounding."""
        plan = self._tiles(z_hat)
        while True:
            try:
                with needing_memory(self._device, "one tile of the denoiser"):
                    return self._pipeline.denoise(z_hat, t, plan, batch=self._batch, progress=progress)
            except DeviceMemoryError:
                if self._batch == 1:
                    raise
            self._batch //= 2

    def _to_pixels(self, z0: Tensor, plan: TilePlan | None) -> Tensor:
        """Whole tiles where they are small, else in strips as thick as memory holds."""
        codec = self._pipeline.latent_codec
        height, width = z0.shape[2:] if plan is None else (plan.tile_height, plan.tile_width)
        choices = (None, *_STRIPS) if height * width <= _WHOLE_CELLS else _STRIPS
        for strip in choices:
            try:
                with needing_memory(self._device, "the VAE's decoder in strips"):
                    return run_tiles(z0, plan, 1, partial(_decode_tiles, codec, strip))
            except DeviceMemoryError:
                if strip == choices[-1]:
                    raise
        raise AssertionError  # the loop ends by return or raise

    def _tiles(self, z_hat: Tensor) -> TilePlan | None:
        return self._plan(z_hat.shape[2], z_hat.shape[3])


def _decode_tiles(codec: LatentCodec, strip: int | None, tiles: Tensor, numbers: slice) -> Tensor:
    return codec.decode(tiles, strip)

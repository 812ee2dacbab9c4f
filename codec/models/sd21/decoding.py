"""The `sd21` family's way up: from an LR picture to the photograph, on one device.

Its VAE looks at a whole picture, so a region costs as much as the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from codec.arrays import FloatArray, PixelArray, Progress, crop
from codec.geometry import Box
from codec.models.device import limit_memory, needing_memory, resolve_device, resolve_dtype
from codec.models.family import Lr, Recipe, Runtime, given_timesteps
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.family import SD21
from codec.models.sd21.geometry import LATENT_CELL, denoiser_plan, latent_size
from codec.models.sd21.package import load_package
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.running import first_batch, pixels_of, with_less
from codec.tiling.pieces import Piece


class Sd21Restorer:
    """See `codec.models.family.Restorer`. It knows no noise: the timestep alone decides how much is invented."""

    timestep_tile = None

    def __init__(self, pipeline: Sd21Pipeline, *, batch: int | None = None, max_vram: float | None = None) -> None:
        self._pipeline, self._max_vram = pipeline, max_vram
        self._device = pipeline.denoiser.prompt.device
        self._batch = batch or first_batch(self._device)

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> Sd21Restorer:
        """From a model package.

        Raises:
            ModelError: the package or its backbone is incomplete, or the device is not here.
            DeviceMemoryError: the device has too little memory for it.
        """
        device = resolve_device(runtime.device)
        limit_memory(device, runtime.max_vram)
        with needing_memory(device, "the model"):
            pipeline = load_package(folder).place(device, resolve_dtype(runtime.dtype, device))
        if runtime.compile:
            pipeline.compile_networks()
        return cls(pipeline, max_vram=runtime.max_vram)

    def pieces(self, lr: Lr, recipe: Recipe, area: Box, *, streamed: bool, on_progress: Progress) -> Iterator[Piece]:
        """See `codec.models.family.Restorer.pieces`: the whole picture is rebuilt, and the area cut out of it."""
        limit_memory(self._device, self._max_vram)
        cells, scale = latent_size(recipe.size), self._pipeline.scale
        box = Box(0, 0, cells.width * LATENT_CELL // scale, cells.height * LATENT_CELL // scale)
        pixels, t = self.restore(
            lr.crop(box),
            timesteps=given_timesteps(SD21, recipe),
            realism=1.0 if recipe.options.realism is None else recipe.options.realism,
            denoise=recipe.options.denoise,
            progress=on_progress,
        )
        yield Piece(box=area, pixels=crop(pixels, area), timesteps=t)

    @torch.inference_mode()
    def restore(
        self, lr: PixelArray, *, timesteps: FloatArray | None = None, realism: float = 1.0, denoise: bool = True,
        progress: Progress | None = None,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """Decode a picture.

        Args:
            lr: uint8 [h, w, 3]; h and w times the scale are multiples of 64.
            timesteps: float32 [rows, columns] of the denoiser's tiles, to use instead of predictions.
            realism: 0..1; moves timesteps towards the smallest that can be predicted.
            denoise: False shows what the rescaler gives.
            progress: called after each batch of the denoiser's tiles.

        Returns:
            Pixels uint8 [h*scale, w*scale, 3] and the timestep a tile before realism, float32 [rows, columns].

        Raises:
            DeviceMemoryError: the device has too little memory even for one tile at a time and the thinnest strips.
        """
        p = self._pipeline
        stored = torch.from_numpy(np.ascontiguousarray(lr)).to(self._device)
        with needing_memory(self._device, f"reading an LR of {lr.shape[1]}x{lr.shape[0]} px"):
            z = p.read(from_uint8(stored.permute(2, 0, 1)[None]))
        plan = denoiser_plan(z.shape[2], z.shape[3])
        if timesteps is None:
            with needing_memory(self._device, "the timestep predictor"):
                t = p.predict(z, plan, batch=self._batch)
        else:
            t = torch.from_numpy(timesteps).to(self._device)[None]
        if denoise:
            t_min = p.predictor.t_min
            times = t_min + realism * (t - t_min)
            z0 = with_less(
                self._batch, self._device, lambda batch: p.denoise(z, times, plan, batch=batch, progress=progress)
            )
        else:
            z0 = z * p.latent_codec.scaling_factor
        out = to_uint8(pixels_of(p.latent_codec, z0)[0])
        return out.permute(1, 2, 0).contiguous().cpu().numpy(), t[0].cpu().numpy()

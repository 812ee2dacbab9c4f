"""TADSR's way up: from any LR picture to the photograph, on one device. Tile grid preset 2.

VAE and one timestep for all look at the whole picture, so a region costs as much as the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import PixelArray, Progress, crop
from codec.geometry import Box, padded
from codec.models.device import limit_memory, needing_memory, resolve_device, resolve_dtype
from codec.models.family import Lr, Recipe, Runtime
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.geometry import LATENT_HR_MULTIPLE, denoiser_plan
from codec.models.sd21.running import first_batch, pixels_of, with_less
from codec.models.tadsr.config import timestep_of
from codec.models.tadsr.package import load_package
from codec.models.tadsr.pipeline import TadsrPipeline
from codec.tiling.pieces import Piece


class TadsrRestorer:
    """See `codec.models.family.Restorer`. It knows no noise: the timestep alone decides how much is invented."""

    timestep_tile = None

    def __init__(self, pipeline: TadsrPipeline, *, batch: int | None = None, max_vram: float | None = None) -> None:
        self._pipeline, self._max_vram = pipeline, max_vram
        self._device = pipeline.denoiser.prompt.device
        self._batch = batch or first_batch(self._device)

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> TadsrRestorer:
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
        """See `codec.models.family.Restorer.pieces`: the whole picture is restored, and the area cut out of it."""
        limit_memory(self._device, self._max_vram)
        scale, options = self._pipeline.scale, recipe.options
        sides = (padded(side, LATENT_HR_MULTIPLE) // scale for side in (recipe.size.width, recipe.size.height))
        realism = 1.0 if options.realism is None else options.realism
        t_s = timestep_of(self._pipeline.config.dial, realism)
        if options.fixed_timestep is not None:
            t_s = round(options.fixed_timestep)
        pixels = self.restore(lr.crop(Box(0, 0, *sides)), t_s, denoise=options.denoise, progress=on_progress)
        yield Piece(box=area, pixels=crop(pixels, area), timesteps=np.full((1, 1), t_s, np.float32))

    @torch.inference_mode()
    def restore(
        self, lr: PixelArray, t_s: int, *, denoise: bool = True, progress: Progress | None = None
    ) -> PixelArray:
        """Restore a picture.

        Args:
            lr: uint8 [h, w, 3]; h and w times the scale are multiples of 64.
            t_s: timestep, 0..999.
            denoise: False shows what the latent gives without the U-Net.
            progress: called after each batch of the denoiser's tiles.

        Returns:
            uint8 [h*scale, w*scale, 3].

        Raises:
            DeviceMemoryError: the device has too little memory even for one tile at a time and the thinnest strips.
        """
        p = self._pipeline
        stored = torch.from_numpy(np.ascontiguousarray(lr)).to(self._device)
        x = from_uint8(stored.permute(2, 0, 1)[None])
        x = F.interpolate(x, scale_factor=p.scale, mode="bicubic", align_corners=False).clamp(-1.0, 1.0)
        with needing_memory(self._device, "the VAE's encoder"):
            z = p.encode(x, t_s)
        plan = denoiser_plan(z.shape[2], z.shape[3])
        if denoise:
            prediction = with_less(
                self._batch, self._device, lambda batch: p.predict(z, t_s, plan, batch=batch, progress=progress)
            )
        else:
            prediction = torch.zeros_like(z)
        out = to_uint8(pixels_of(p.latent_codec, p.step(z, prediction, t_s))[0])
        return out.permute(1, 2, 0).contiguous().cpu().numpy()

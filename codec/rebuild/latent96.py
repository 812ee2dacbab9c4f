"""Tile grid preset 1: the `sd21` family on overlapping latent tiles. Normative text: `format_spec.md`, section 9.4.

Its VAE looks at a whole picture, so a region costs as much as the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from codec.container.model import TadmFile
from codec.geometry import LATENT_CELL, LATENT_OVERLAP, LATENT_TILE, VAE_OVERLAP, VAE_TILE, Box, Size, latent_size
from codec.lowres import LowRes
from codec.models.device import limit_memory, resolve_device, resolve_dtype
from codec.models.sd21.family import Sd21Family
from codec.options import DecodeOptions
from codec.rebuild.pieces import FloatArray, Piece, Progress, crop, stored_timesteps
from codec.tiling.grid import plan_tiles
from codec.tiling.window import BlendPlan, plan_blend


@lru_cache(maxsize=1)
def load(
    folder: Path, device: str, dtype: str, max_vram: float | None, compiled: bool, changed: tuple[int, ...]
) -> Sd21Family:
    """The networks of a package; the last ones stay in memory for the next file, some gigabytes.

    Raises:
        ModelError: the package or its backbone is incomplete, or the device is not here.
    """
    where = resolve_device(device)
    limit_memory(where, max_vram)
    return Sd21Family.load(folder, denoiser_plan, where, resolve_dtype(dtype, where), compiled=compiled)


def denoiser_plan(height: int, width: int) -> BlendPlan:
    """The denoiser's tiles over so many latent cells."""
    return plan_blend(plan_tiles(height, width, LATENT_TILE, LATENT_OVERLAP))


def vae_plan(height: int, width: int) -> BlendPlan:
    """The VAE decoder's tiles over so many latent cells, with weights for its pixels."""
    return plan_blend(plan_tiles(height, width, VAE_TILE, VAE_OVERLAP), LATENT_CELL)


def pieces(
    file: TadmFile, family: Sd21Family, options: DecodeOptions, area: Box, *,
    lowres: LowRes | None = None, on_progress: Progress = lambda *_: None,
) -> Iterator[Piece]:  # fmt: skip
    """Rebuild the whole picture and cut the area out of it.

    Args:
        file: the file.
        family: loaded networks.
        options: realism, denoise, fixed timestep; the seed has no meaning here.
        area: region to rebuild, in HR pixels.
        lowres: the file's LR, to share or watch its slabs; None = a fresh one.
        on_progress: called with (denoiser tiles done, tiles in all).

    Yields:
        One piece.
    """
    cells = latent_size(file.header.size)
    lr = Size(cells.width * LATENT_CELL // family.scale, cells.height * LATENT_CELL // family.scale)
    pixels, t = family.restore(
        (lowres or LowRes(file)).crop(Box(0, 0, lr.width, lr.height)),
        vae_plan(cells.height, cells.width),
        timesteps=_given_timesteps(file, options, denoiser_plan(cells.height, cells.width)),
        realism=options.realism,
        denoise=options.denoise,
        progress=on_progress,
    )
    yield Piece(box=area, pixels=crop(pixels, area), timesteps=t)


def _given_timesteps(file: TadmFile, options: DecodeOptions, plan: BlendPlan) -> FloatArray | None:
    if options.fixed_timestep is not None:
        return np.full((plan.rows, plan.columns), options.fixed_timestep, np.float32)
    return None if file.timesteps is None else stored_timesteps(file.timesteps, plan.rows, plan.columns)

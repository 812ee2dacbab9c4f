"""Tile grid preset 0: the compact family, block by block with halo. Normative text: `format_spec.md`, section 9.2."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from codec.container.model import TadmFile
from codec.geometry import Box, Size, moved, overlap, padded, timestep_tiles
from codec.lowres import LowRes
from codec.models.compact.family import CompactFamily, Dial
from codec.models.device import limit_memory, resolve_device, resolve_dtype
from codec.options import DecodeOptions
from codec.rebuild.pieces import FloatArray, Piece, Progress, crop, stored_timesteps
from codec.tiling.blocks import blocks
from codec.tiling.noise import noise

#: Blocks: a picture up to so many pixels is decoded whole, a larger one in squares of this side.
WHOLE_PIXELS, BLOCK_SIDE = 2**22, 1280


@lru_cache(maxsize=4)
def load(
    folder: Path, scale: int, device: str, dtype: str, max_vram: float | None, changed: tuple[int, ...]
) -> CompactFamily:
    """The networks of a package for one scale; they stay in memory for the next file, a few tens of megabytes.

    Raises:
        ModelError: the package is incomplete, or the device is not here.
    """
    where = resolve_device(device)
    limit_memory(where, max_vram)
    return CompactFamily.load(folder, scale, where, resolve_dtype(dtype, where))


def pieces(
    file: TadmFile, family: CompactFamily, options: DecodeOptions, area: Box, *,
    lowres: LowRes | None = None, side: int = BLOCK_SIDE, whole_pixels: int = WHOLE_PIXELS,
    on_progress: Progress = lambda *_: None,
) -> Iterator[Piece]:  # fmt: skip
    """Run the networks block by block with halo; what comes out does not depend on the blocks.

    Args:
        file: the file.
        family: loaded networks.
        options: realism, seed, denoise.
        area: region to rebuild, in HR pixels.
        lowres: the file's LR, to share or watch its slabs; None = a fresh one.
        side: side of a block's core, a multiple of the tile.
        whole_pixels: a region of at most so many pixels is one block.
        on_progress: called with (pieces done, pieces in all).

    Yields:
        Pieces that fill the area, row by row; each row of blocks is complete before the next begins.
    """
    size, tile, scale = file.header.size, family.tile, family.scale
    full = Size(padded(size.width, tile), padded(size.height, tile))
    lowres = lowres or LowRes(file)
    timesteps = _given_timesteps(file, options)
    dial = Dial(realism=options.realism, denoise=options.denoise)
    work = list(blocks(full, _grown(area, tile), side=side, halo=family.halo, whole_pixels=whole_pixels))
    for done, block in enumerate(work, 1):
        reach, core = block.reach, block.core
        pixels, t = family.restore(
            lowres.crop(_divided(reach, scale)),
            file.header.quality,
            noise(reach.x, reach.y, reach.width, reach.height, options.seed),
            None if timesteps is None else crop(timesteps, _divided(reach, tile)),
            dial,
        )
        box = overlap(core, area)
        assert box is not None  # blocks cover the tiles that the area touches
        yield Piece(
            box=box,
            pixels=crop(pixels, moved(box, -reach.x, -reach.y)),
            timesteps=crop(t, _divided(moved(core, -reach.x, -reach.y), tile)),
        )
        on_progress(done, len(work))


def _given_timesteps(file: TadmFile, options: DecodeOptions) -> FloatArray | None:
    """The user's fixed timestep, else the file's own map, else None."""
    cells = timestep_tiles(file.header.size)
    if options.fixed_timestep is not None:
        return np.full((cells.height, cells.width), options.fixed_timestep, np.float32)
    return None if file.timesteps is None else stored_timesteps(file.timesteps, cells.height, cells.width)


def _grown(box: Box, tile: int) -> Box:
    """The tiles that a box touches."""
    x, y = box.x // tile * tile, box.y // tile * tile
    return Box(x, y, padded(box.x + box.width, tile) - x, padded(box.y + box.height, tile) - y)


def _divided(box: Box, by: int) -> Box:
    return Box(box.x // by, box.y // by, box.width // by, box.height // by)

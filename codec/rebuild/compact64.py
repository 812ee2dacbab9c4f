"""Tile grid preset 0: the compact family, block by block with halo. Normative text: `format_spec.md`, section 9.2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from codec.container.model import TadmFile
from codec.errors import DeviceMemoryError
from codec.geometry import Box, Size, moved, overlap, padded, timestep_tiles
from codec.lowres import LowRes
from codec.models.compact.family import CompactFamily, Dial
from codec.models.device import limit_memory, resolve_device, resolve_dtype
from codec.options import DecodeOptions
from codec.rebuild.pieces import FloatArray, Piece, PixelArray, Progress, crop, stored_timesteps
from codec.tiling.blocks import Block, blocks, halves, with_reach
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
    tile = family.tile
    full = Size(padded(file.header.size.width, tile), padded(file.header.size.height, tile))
    rebuild = _Rebuild(file, family, options, lowres or LowRes(file), full)
    work = list(blocks(full, _grown(area, tile), side=side, halo=family.halo, whole_pixels=whole_pixels))
    for done, each in enumerate(work, 1):
        pixels, t = rebuild.block(each)
        box = overlap(each.core, area)
        assert box is not None  # blocks cover the tiles that the area touches
        yield Piece(box=box, pixels=crop(pixels, moved(box, -each.core.x, -each.core.y)), timesteps=t)
        on_progress(done, len(work))


class _Rebuild:
    """What decoding has in common for all blocks of a file."""

    def __init__(
        self, file: TadmFile, family: CompactFamily, options: DecodeOptions, lowres: LowRes, full: Size
    ) -> None:
        self._quality, self._seed = file.header.quality, options.seed
        self._family, self._lowres, self._full = family, lowres, full
        self._timesteps = _given_timesteps(file, options)
        self._dial = Dial(realism=options.realism, denoise=options.denoise)
        self._too_large: float = math.inf

    def block(self, block: Block) -> tuple[PixelArray, FloatArray]:
        """Pixels and timesteps of a block's core; in two halves if memory is too small for it.

        Raises:
            DeviceMemoryError: it is too small even for one tile and what influences it.
        """
        parts, pixels = halves(block.core, self._family.tile), block.reach.width * block.reach.height
        if parts is None or pixels < self._too_large:
            try:
                return self._at_once(block)
            except DeviceMemoryError:
                if parts is None:
                    raise
                self._too_large = pixels
        # outside the handler, which keeps tensors of the failed attempt alive
        axis = int(parts[0].y == parts[1].y)
        done = [self.block(with_reach(self._full, part, self._family.halo)) for part in parts]
        return np.concatenate([p for p, _ in done], axis), np.concatenate([t for _, t in done], axis)

    def _at_once(self, block: Block) -> tuple[PixelArray, FloatArray]:
        family, reach = self._family, block.reach
        pixels, t = family.restore(
            self._lowres.crop(_divided(reach, family.scale)),
            self._quality,
            noise(reach.x, reach.y, reach.width, reach.height, self._seed),
            None if self._timesteps is None else crop(self._timesteps, _divided(reach, family.tile)),
            self._dial,
        )
        inner = moved(block.core, -reach.x, -reach.y)
        return crop(pixels, inner), crop(t, _divided(inner, family.tile))


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

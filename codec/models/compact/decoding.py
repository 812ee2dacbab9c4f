"""The compact family's way up: block by block with halo. Normative text: `format_spec.md`, section 9.2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from codec.arrays import FloatArray, PixelArray, Progress, crop
from codec.errors import DeviceMemoryError
from codec.geometry import TIMESTEP_TILE, Box, Size, moved, overlap, padded
from codec.models.compact.family import COMPACT
from codec.models.family import Lr, Recipe, given_timesteps
from codec.tiling.blocks import Block, blocks, halves, with_reach
from codec.tiling.noise import noise
from codec.tiling.pieces import Piece

#: Blocks: a picture up to so many pixels is decoded whole, a larger one in squares of this side.
WHOLE_PIXELS, BLOCK_SIDE = 2**22, 1216
#: Bytes that networks take a pixel of a piece at most, measured on a CPU in fp32.
_BYTES_A_PIXEL = 400


class Network(Protocol):
    """The networks of one scale, ready to run.

    Attributes:
        scale: HR/LR ratio.
        halo: HR pixels around a piece that can influence it, a multiple of `TIMESTEP_TILE`.
        takes_noise: whether the specified noise has a place in them.
    """

    scale: int
    halo: int
    takes_noise: bool

    def limit_memory(self) -> None:
        """Hold the device to the budget that these networks were loaded with; called before each file."""

    def restore(
        self, lr: PixelArray, quality: int, noise: FloatArray | None, timesteps: FloatArray | None, *,
        realism: float, denoise: bool,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """Decode one piece.

        Args:
            lr: uint8 [h, w, 3]; h and w times the scale are multiples of 64.
            quality: of the payload, 0..100.
            noise: float32 [h*scale, w*scale], unit variance, see `codec.tiling.noise`; None where it has no place.
            timesteps: float32 [h*scale/64, w*scale/64] in [0, 200] to use instead of predictions.
            realism: 0..1.
            denoise: False shows what the reader gives.

        Returns:
            Pixels uint8 [h*scale, w*scale, 3] and the timestep a tile before realism, float32 [rows, columns].

        Raises:
            DeviceMemoryError: the device has too little memory; a smaller piece may fit.
        """


class CompactRestorer:
    """See `codec.models.family.Restorer`. What comes out does not depend on the blocks."""

    timestep_tile = TIMESTEP_TILE

    def __init__(
        self, network: Network, *, side: int = BLOCK_SIDE, whole_pixels: int = WHOLE_PIXELS,
        memory: float | None = None,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            network: of one scale.
            side: of a block's core, a multiple of the tile.
            whole_pixels: an area of at most so many pixels is one block.
            memory: GiB that a block may take; None = what these sizes take.
        """
        self._network, self._side, self._whole_pixels = network, side, whole_pixels
        if memory is not None:
            pixels = int(memory * 2**30 / _BYTES_A_PIXEL)
            core = (math.isqrt(pixels) - 2 * network.halo) // TIMESTEP_TILE * TIMESTEP_TILE
            self._side = min(side, max(TIMESTEP_TILE, core))
            self._whole_pixels = min(whole_pixels, pixels)

    def pieces(self, lr: Lr, recipe: Recipe, area: Box, *, streamed: bool, on_progress: Progress) -> Iterator[Piece]:
        """See `codec.models.family.Restorer.pieces`."""
        tile, halo = TIMESTEP_TILE, self._network.halo
        full = Size(padded(recipe.size.width, tile), padded(recipe.size.height, tile))
        self._network.limit_memory()
        rebuild = _Rebuild(self._network, lr, recipe, full)
        whole_pixels = 0 if streamed else self._whole_pixels
        work = list(blocks(full, _grown(area, tile), side=self._side, halo=halo, whole_pixels=whole_pixels))
        for done, each in enumerate(work, 1):
            pixels, t = rebuild.block(each)
            box = overlap(each.core, area)
            assert box is not None  # blocks cover the tiles that the area touches
            yield Piece(box=box, pixels=crop(pixels, moved(box, -each.core.x, -each.core.y)), timesteps=t)
            on_progress(done, len(work))


class _Rebuild:
    """What decoding has in common for all blocks of a file."""

    def __init__(self, network: Network, lr: Lr, recipe: Recipe, full: Size) -> None:
        self._network, self._lr, self._recipe, self._full = network, lr, recipe, full
        self._timesteps = given_timesteps(COMPACT, recipe)
        self._too_large: float = math.inf

    def block(self, block: Block) -> tuple[PixelArray, FloatArray]:
        """Pixels and timesteps of a block's core; in two halves if memory is too small for it.

        Raises:
            DeviceMemoryError: it is too small even for one tile and what influences it.
        """
        parts, pixels = halves(block.core, TIMESTEP_TILE), block.reach.width * block.reach.height
        if parts is None or pixels < self._too_large:
            try:
                return self._at_once(block)
            except DeviceMemoryError:
                if parts is None:
                    raise
                self._too_large = pixels
        # outside the handler, which keeps tensors of the failed attempt alive
        axis = int(parts[0].y == parts[1].y)
        done = [self.block(with_reach(self._full, part, self._network.halo)) for part in parts]
        return np.concatenate([p for p, _ in done], axis), np.concatenate([t for _, t in done], axis)

    def _at_once(self, block: Block) -> tuple[PixelArray, FloatArray]:
        network, reach, options = self._network, block.reach, self._recipe.options
        assert options.realism is not None  # a recipe says how
        drawn = noise(reach.x, reach.y, reach.width, reach.height, options.seed) if network.takes_noise else None
        pixels, t = network.restore(
            self._lr.crop(_divided(reach, network.scale)),
            self._recipe.quality,
            drawn,
            None if self._timesteps is None else crop(self._timesteps, _divided(reach, TIMESTEP_TILE)),
            realism=options.realism,
            denoise=options.denoise,
        )
        inner = moved(block.core, -reach.x, -reach.y)
        return crop(pixels, inner), crop(t, _divided(inner, TIMESTEP_TILE))


def _grown(box: Box, tile: int) -> Box:
    """The tiles that a box touches."""
    x, y = box.x // tile * tile, box.y // tile * tile
    return Box(x, y, padded(box.x + box.width, tile) - x, padded(box.y + box.height, tile) - y)


def _divided(box: Box, by: int) -> Box:
    return Box(box.x // by, box.y // by, box.width // by, box.height // by)

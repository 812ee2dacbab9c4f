"""The compact family's way down: the downscale, and where the package has one, what an LR writer adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from codec.arrays import FloatArray, PixelArray, crop, place
from codec.geometry import Box, Size, moved
from codec.image.rows_in import RowSource
from codec.tiling.blocks import blocks
from codec.tiling.downscale import Strip, downscaled_strips

#: Side of the squares in which an LR writer works on large pictures, a multiple of every scale.
_SIDE = 1024
#: Steps in which a writer is told the quality: neighbours share an LR, which saves most of a search's time.
_STEP = 5


class Writer(Protocol):
    """An LR writer, ready to run.

    Attributes:
        halo: HR pixels around a piece that can influence its LR, a multiple of the scale.
    """

    halo: int

    def residual(self, hr: PixelArray, quality: int) -> FloatArray:
        """What to add to the downscale: uint8 [H, W, 3] -> float32 [H/scale, W/scale, 3], in grey levels."""


class CompactLrEncoder:
    """See `codec.models.family.LrEncoder`."""

    def __init__(self, scale: int, writer: Writer | None) -> None:
        self._scale, self._writer = scale, writer

    def told(self, quality: int) -> int | None:
        """See `codec.models.family.LrEncoder.told`."""
        return None if self._writer is None else _rounded(quality)

    def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
        """See `codec.models.family.LrEncoder.strips`."""
        reach = 0 if self._writer is None else self._writer.halo
        for strip in downscaled_strips(rows, self._scale, height, reach):
            yield strip.lr if self._writer is None else _written(strip, self._scale, self._writer, _rounded(quality))


def _rounded(quality: int) -> int:
    return round(quality / _STEP) * _STEP


def _written(strip: Strip, scale: int, writer: Writer, quality: int) -> PixelArray:
    """The LR of a strip with the writer's residual added."""
    out = np.empty_like(strip.lr)
    pixels, box = strip.pixels, strip.box
    seen = Size(pixels.shape[1], pixels.shape[0])
    for block in blocks(seen, box, side=_SIDE, halo=writer.halo, whole_pixels=_SIDE**2):
        core, reach = block.core, block.reach
        residual = writer.residual(crop(pixels, reach), quality)
        inner = _divided(moved(core, -reach.x, -reach.y), scale)
        at = _divided(moved(core, -box.x, -box.y), scale)
        exact = crop(strip.lr, at) + crop(residual, inner)
        place(out, np.clip(np.rint(exact), 0, 255).astype(np.uint8), at.x, at.y)
    return out


def _divided(box: Box, by: int) -> Box:
    return Box(box.x // by, box.y // by, box.width // by, box.height // by)

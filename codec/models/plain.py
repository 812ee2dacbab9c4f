"""The way down without any network: the LR is the downscale."""

from __future__ import annotations

from collections.abc import Iterator

from codec.arrays import PixelArray
from codec.image.rows_in import RowSource
from codec.tiling.downscale import downscaled_strips


class PlainLrEncoder:
    """See `codec.models.family.LrEncoder`."""

    def __init__(self, scale: int) -> None:
        self._scale = scale

    def told(self, quality: int) -> int | None:
        """See `codec.models.family.LrEncoder.told`."""
        return None

    def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
        """See `codec.models.family.LrEncoder.strips`."""
        for strip in downscaled_strips(rows, self._scale, height):
            yield strip.lr

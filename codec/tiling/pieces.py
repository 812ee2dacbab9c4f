"""Parts of a photograph on their way out, and putting them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codec.arrays import FloatArray, PixelArray, place
from codec.geometry import Box


@dataclass(frozen=True)
class Piece:
    """Part of a photograph on its way out.

    Attributes:
        box: where it belongs, in HR pixels.
        pixels: uint8 [box.height, box.width, 3].
        timesteps: float32 [rows, columns]: those of the tiles that the piece fills, or of the whole picture.
    """

    box: Box
    pixels: PixelArray
    timesteps: FloatArray


class Timesteps:
    """Collects the timesteps of an area while its pieces pass.

    Attributes:
        map: float32 [rows, columns], one value a tile that the area touches, or a tile of the whole picture where its
            tiles are not a grid of squares; zeros until pieces have passed.
    """

    def __init__(self, area: Box, tile: int | None) -> None:
        """Prepare.

        Args:
            area: what the pieces fill, in HR pixels.
            tile: side of a timestep tile in HR pixels; None = every piece has the map of the whole picture.
        """
        self._area, self._tile = area, tile
        side = tile or max(area.x + area.width, area.y + area.height)
        rows = -(-(area.y + area.height) // side) - area.y // side
        columns = -(-(area.x + area.width) // side) - area.x // side
        self.map: FloatArray = np.zeros((rows, columns), np.float32)

    def watch(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same pieces."""
        for piece in pieces:
            if self._tile is None:
                self.map = piece.timesteps
            else:
                x, y = piece.box.x // self._tile, piece.box.y // self._tile
                place(self.map, piece.timesteps, x - self._area.x // self._tile, y - self._area.y // self._tile)
            yield piece


def rows_of(pieces: Iterator[Piece], area: Box) -> Iterator[PixelArray]:
    """Whole rows of the area, as pieces complete them: uint8 [n, area.width, 3], top to bottom."""
    strip = np.empty((0, area.width, 3), np.uint8)
    for piece in pieces:
        box = piece.box
        if box.x == area.x:
            strip = np.empty((box.height, area.width, 3), np.uint8)
        place(strip, piece.pixels, box.x - area.x, 0)
        if box.x + box.width == area.x + area.width:
            yield strip

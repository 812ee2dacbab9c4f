"""Parts of a photograph on their way out, and putting them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from codec.geometry import Box

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
#: Called with (pieces done, pieces in all).
Progress = Callable[[int, int], None]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class Piece:
    """Part of a photograph on its way out.

    Attributes:
        box: where it belongs, in HR pixels.
        pixels: uint8 [box.height, box.width, 3].
        timesteps: float32, the 64 px tiles that the piece fills; see `Timesteps` for preset 1.
    """

    box: Box
    pixels: PixelArray
    timesteps: FloatArray


class Timesteps:
    """Collects the timesteps of an area while its pieces pass.

    Attributes:
        map: float32, one value a tile that the area touches; of preset 1 one value a tile of the whole picture.
    """

    map: FloatArray

    def __init__(self, area: Box, tile: int | None) -> None:
        """Prepare.

        Args:
            area: what the pieces fill, in HR pixels.
            tile: side of a timestep tile in HR pixels; None = every piece has the map of the whole picture.
        """
        self._area, self._tile = area, tile
        if tile is not None:
            rows = -(-(area.y + area.height) // tile) - area.y // tile
            columns = -(-(area.x + area.width) // tile) - area.x // tile
            self.map = np.zeros((rows, columns), np.float32)

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


def stored_timesteps(levels: bytes, rows: int, columns: int) -> FloatArray:
    """The map that a file carries, one byte t' a tile: t = 10 + 190 t' / 255."""
    stored = np.frombuffer(levels, np.uint8).astype(np.float32)
    return (10 + 190 * stored / 255).reshape(rows, columns).astype(np.float32)


def crop(array: npt.NDArray[_T], box: Box) -> npt.NDArray[_T]:
    """Rectangle of an array [H, W, ...], as a view."""
    return array[box.y : box.y + box.height, box.x : box.x + box.width]


def place(target: npt.NDArray[_T], part: npt.NDArray[_T], x: int, y: int) -> None:
    """Copy a part into an array [H, W, ...], its top-left corner at (x, y)."""
    target[y : y + part.shape[0], x : x + part.shape[1]] = part

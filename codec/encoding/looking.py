"""How well a file shows its photograph: a few squares of it, rebuilt at realism 0 and compared."""

from __future__ import annotations

import numpy as np

from codec.arrays import FloatArray, PixelArray, crop, no_progress
from codec.container.file import TadmFile
from codec.encoding.similarity import Compared
from codec.engine import Engine
from codec.geometry import Box, Size
from codec.lr import PictureLr, StoredLr
from codec.models.family import Recipe
from codec.models.package import Package
from codec.options import DecodeOptions

#: Side of a square in HR pixels: a whole number of LR pixels at every scale, and of tiles.
SIDE = 256
#: Squares that are looked at, an effort.
SQUARES = {"default": 4, "best": 16}


class Squares:
    """Squares of a photograph, from the smoothest to the busiest.

    A square is rebuilt as if it were a picture by itself: a hundredth of the work of the whole photograph, and its
    borders suffer alike at every setting.
    """

    def __init__(self, pixels: PixelArray, package: Package, engine: Engine, *, count: int) -> None:
        """Choose them.

        Args:
            pixels: the photograph, uint8 [H, W, 3].
            package: that files are written for.
            engine: that rebuilds.
            count: how many squares.
        """
        self._package, self._engine = package, engine
        self._size = Size(pixels.shape[1], pixels.shape[0])
        self._boxes = _chosen(pixels, count)
        self._compared = [Compared(crop(pixels, box)) for box in self._boxes]

    def score(self, file: TadmFile) -> float:
        """Mean similarity in 0..1 of what the file gives at realism 0."""
        header, lr = file.header, StoredLr(file)
        restorer = self._engine.restorer(self._package, header.scale)
        scores = []
        for box, compared in zip(self._boxes, self._compared, strict=True):
            recipe = Recipe(size=Size(box.width, box.height), quality=header.quality, options=DecodeOptions(realism=0))
            cut = PictureLr(lr.crop(_over(box, header.scale)))
            area = Box(0, 0, box.width, box.height)
            out = np.empty((box.height, box.width, 3), np.uint8)
            for piece in restorer.pieces(cut, recipe, area, streamed=False, on_progress=no_progress):
                at = piece.box
                out[at.y : at.y + at.height, at.x : at.x + at.width] = piece.pixels
            scores.append(compared.with_(out))
        return float(np.mean(scores))


def _over(box: Box, scale: int) -> Box:
    """The LR pixels of a square; at the right and bottom of the photograph its last LR pixel may be a part of one."""
    return Box(box.x // scale, box.y // scale, -(-box.width // scale), -(-box.height // scale))


def _chosen(pixels: PixelArray, count: int) -> list[Box]:
    """Squares at even ranks of detail; a photograph hardly larger than `count` squares is one box."""
    height, width = pixels.shape[:2]
    rows, columns = height // SIDE, width // SIDE
    if not rows or not columns or height * width <= count * SIDE * SIDE:
        return [Box(0, 0, width, height)]
    detail = _detail(pixels[: rows * SIDE, : columns * SIDE], rows, columns)
    order = np.argsort(detail, axis=None, kind="stable")
    ranks = ((np.arange(count) + 0.5) / count * order.size).astype(int)
    places = [divmod(int(order[rank]), columns) for rank in ranks]
    return [Box(column * SIDE, row * SIDE, SIDE, SIDE) for row, column in places]


def _detail(pixels: PixelArray, rows: int, columns: int) -> FloatArray:
    """Mean step between neighbouring green pixels a square, on every second line."""
    green = pixels[::2, :, 1].astype(np.int16)
    steps = np.abs(np.diff(green, axis=1, append=green[:, -1:]))
    mean: FloatArray = steps.reshape(rows, SIDE // 2, columns, SIDE).mean((1, 3), dtype=np.float32)
    return mean

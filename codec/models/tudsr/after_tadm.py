"""A TADM package as the first pass: it makes and reads the LR, and the second pass enlarges what it rebuilds.

It keeps its own networks beside those of the second pass: it may have been trained around another VAE, and its U-Net
has a layer of its own beside the adapter.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from codec.arrays import FloatArray, PixelArray, no_progress
from codec.errors import ModelError
from codec.geometry import Box, Size, lr_size
from codec.image.rows_in import RowSource
from codec.models.family import Lr, LrEncoder, Recipe, Runtime
from codec.models.files import read_config
from codec.models.sd21.decoding import Sd21Restorer
from codec.models.sd21.family import SD21
from codec.models.sd21.writing import Sd21LrEncoder
from codec.tiling.downscale import downscaled_strips
from codec.tiling.pieces import Piece

#: Where it lies in a package, and rows of its picture that are made at a time.
FOLDER = "first"
_ROWS = 256


def put_in(tadm: Path, folder: Path) -> dict[str, Any]:
    """Copy a TADM package into one of TUDSR's that is being made.

    Returns:
        What of its config decides how files are decoded.

    Raises:
        ModelError: it is none.
    """
    fields = read_config(tadm)
    if fields.get("family") != SD21.name:
        raise ModelError(f"{tadm}: a package of the family {fields.get('family')!r}, expected TADM's, {SD21.name!r}")
    shutil.copytree(tadm, folder / FOLDER)
    return SD21.identity(fields)


def load_first(folder: Path, runtime: Runtime) -> Sd21Restorer:
    """The first pass of a package.

    Raises:
        ModelError: it or its backbone is incomplete or not what it was, or the device is not here.
        DeviceMemoryError: the device has too little memory for it.
    """
    return Sd21Restorer.load(folder / FOLDER, runtime)


def first_picture(first: Sd21Restorer, lr: Lr, recipe: Recipe, size: Size) -> tuple[PixelArray, FloatArray]:
    """What the first pass makes of an LR, uint8 [size.height, size.width, 3], and its timestep a tile.

    Args:
        first: see `load_first`.
        lr: stored by it.
        recipe: of the photograph.
        size: of its own picture, both sides multiples of 64.
    """
    own = Recipe(size=size, quality=recipe.quality, options=recipe.options)
    whole = Box(0, 0, size.width, size.height)
    piece: Piece = next(iter(first.pieces(lr, own, whole, streamed=False, on_progress=no_progress)))
    return piece.pixels, piece.timesteps


class TadmFirstEncoder:
    """See `codec.models.family.LrEncoder`: TADM's, of the photograph downscaled by what the second pass enlarges."""

    def __init__(self, first: LrEncoder, factor: int) -> None:
        self._first, self._factor = first, factor

    @classmethod
    def load(cls, folder: Path, factor: int, runtime: Runtime) -> TadmFirstEncoder:
        """Of a package.

        Raises:
            ModelError: as `load_first`.
        """
        return cls(Sd21LrEncoder.load(folder / FOLDER, runtime), factor)

    def told(self, quality: int) -> int | None:
        """See `codec.models.family.LrEncoder.told`."""
        return None

    def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
        """See `codec.models.family.LrEncoder.strips`."""
        return self._first.strips(_Downscaled(rows, self._factor), height, quality)


class _Downscaled:
    """Rows of the downscale of a picture; see `codec.image.rows_in.RowSource`."""

    def __init__(self, rows: RowSource, factor: int) -> None:
        self.size = lr_size(rows.size, factor)
        self._strips = downscaled_strips(rows, factor, _ROWS)
        self._held = np.empty((0, self.size.width, 3), np.uint8)

    def read(self, count: int) -> PixelArray:
        while len(self._held) < count:
            strip = next(self._strips, None)
            if strip is None:
                break
            self._held = np.concatenate([self._held, strip.lr])
        given, self._held = self._held[:count], self._held[count:]
        return given

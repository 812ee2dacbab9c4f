"""Which tiles cover a picture: integers only, so that a parser can count tiles without arrays."""

from __future__ import annotations

from dataclasses import dataclass

from codec.errors import InputError
from codec.geometry import Box


@dataclass(frozen=True)
class TileGrid:
    """A grid of equal tiles over a 2-D size, row by row.

    Attributes:
        height: rows of cells covered.
        width: columns of cells covered.
        tile_height: rows of cells of every tile, at most `height`.
        tile_width: columns of cells of every tile, at most `width`.
        tops: first row of each row of tiles, strictly increasing.
        lefts: first column of each column of tiles, strictly increasing.
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return len(self.tops)

    @property
    def columns(self) -> int:
        """Columns of tiles."""
        return len(self.lefts)

    @property
    def count(self) -> int:
        """Tiles in the grid."""
        return self.rows * self.columns

    def boxes(self) -> list[Box]:
        """Every tile, row by row from the top left."""
        return [Box(left, top, self.tile_width, self.tile_height) for top in self.tops for left in self.lefts]


def plan_axis(length: int, tile: int, overlap: int) -> tuple[int, ...]:
    """First cell of each tile along one axis.

    Tiles advance by `tile - overlap`; the last one is shifted back to end at the border, so it may overlap its
    neighbour by more. An axis no longer than a tile has one tile, of the axis' own length.

    Source: the tiled inference of the published TADM, its grid taken an axis at a time. The published code always cuts
    square tiles and never ends when the shorter side is no longer than the overlap; this grid does neither.

    Args:
        length: cells along the axis, at least 1.
        tile: cells of a tile, at least 1.
        overlap: cells that neighbours share, in [0, tile).

    Raises:
        InputError: an argument is out of range.
    """
    if length < 1:
        raise InputError(f"tile grid: length is {length}, expected at least 1")
    if tile < 1:
        raise InputError(f"tile grid: tile is {tile}, expected at least 1")
    if not 0 <= overlap < tile:
        raise InputError(f"tile grid: overlap is {overlap}, expected 0 to {tile - 1} for tiles of {tile}")
    if length <= tile:
        return (0,)
    last = length - tile
    return (*range(0, last, tile - overlap), last)


def plan_tiles(height: int, width: int, tile: int, overlap: int) -> TileGrid:
    """The grid of tiles over `height` x `width` cells; see `plan_axis` for the rule along each axis.

    Raises:
        InputError: a size, the tile or the overlap is out of range.
    """
    return TileGrid(
        height=height,
        width=width,
        tile_height=min(tile, height),
        tile_width=min(tile, width),
        tops=plan_axis(height, tile, overlap),
        lefts=plan_axis(width, tile, overlap),
    )

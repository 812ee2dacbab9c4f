"""How overlapping tiles are blended: a Gaussian window, normalised so that the weights of every cell sum to one.

A grid is a product of its rows and columns and the window is separable, so the normalised weight of a tile is the
product of one weight along each axis: normalising each axis alone is exact and needs no array of the picture's size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codec.errors import InputError
from codec.tiling.grid import TileGrid

#: Variance of the window in tile-normalised coordinates (a tile is 1 wide), as published.
VARIANCE = 0.01


@dataclass(frozen=True)
class BlendPlan(TileGrid):
    """A grid and the weights that blend its tiles' results.

    A result may be larger than its tile by a whole factor, as a VAE's is; the weights are then the result's.

    Attributes:
        row_weights: for each row of tiles, a weight for each row of a result.
        column_weights: for each column of tiles, a weight for each column of a result. A cell's weight is the product.
    """

    row_weights: tuple[tuple[float, ...], ...]
    column_weights: tuple[tuple[float, ...], ...]


def plan_blend(grid: TileGrid, factor: int = 1) -> BlendPlan:
    """Weights for results `factor` times larger than the tiles of a grid; over the picture they sum to one.

    Raises:
        InputError: `factor` is below 1, or the grid leaves a cell uncovered.
    """
    if factor < 1:
        raise InputError(f"window: factor is {factor}, expected at least 1")
    tops, lefts = [top * factor for top in grid.tops], [left * factor for left in grid.lefts]
    return BlendPlan(
        height=grid.height,
        width=grid.width,
        tile_height=grid.tile_height,
        tile_width=grid.tile_width,
        tops=grid.tops,
        lefts=grid.lefts,
        row_weights=axis_weights(tops, grid.tile_height * factor, grid.height * factor),
        column_weights=axis_weights(lefts, grid.tile_width * factor, grid.width * factor),
    )


def gaussian(length: int, variance: float = VARIANCE) -> tuple[float, ...]:
    """The window along one axis of a tile: `length` weights in (0, 1], the same from both ends.

    Source: the tiled inference of the published TADM, up to a factor that normalisation cancels. Its centre is
    (W - 1) / 2 along x but H / 2 along y, which favours the lower half of every tile; here it is (length - 1) / 2
    along both.

    Raises:
        InputError: `length` is below 1 or `variance` is not positive.
    """
    if length < 1:
        raise InputError(f"window: length is {length}, expected at least 1")
    if not variance > 0:
        raise InputError(f"window: variance is {variance}, expected more than 0")
    centre = (length - 1) / 2
    return tuple(math.exp(-(((i - centre) / length) ** 2) / (2 * variance)) for i in range(length))


def axis_weights(
    starts: Sequence[int], tile: int, length: int, variance: float = VARIANCE
) -> tuple[tuple[float, ...], ...]:
    """Normalised weights along one axis: for each tile, one weight a cell; at every cell of the axis they sum to 1.

    Args:
        starts: first cell of each tile, as `codec.tiling.grid.plan_axis` gives.
        tile: cells of every tile along this axis, at most `length`.
        length: cells along the axis.
        variance: of the window, in tile-normalised coordinates.

    Raises:
        InputError: a tile leaves the axis, or a cell is in no tile.
    """
    window = gaussian(tile, variance)
    total = [0.0] * length
    for start in starts:
        if not 0 <= start <= length - tile:
            raise InputError(f"window: tile at {start} of {tile} cells leaves the axis of {length}")
        for i, weight in enumerate(window):
            total[start + i] += weight
    if not all(total):
        raise InputError(f"window: cell {total.index(0.0)} of {length} is in no tile")
    return tuple(tuple(weight / total[start + i] for i, weight in enumerate(window)) for start in starts)

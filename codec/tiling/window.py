"""How overlapping tiles are blended: a Gaussian window, normalised so that the weights of every cell sum to one.

A grid is a product of its rows and columns and the window is separable, so the normalised weight of a tile is the
product of one weight along each axis: normalising each axis alone is exact and needs no array of the picture's size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from codec.errors import InputError

#: Variance of the window in tile-normalised coordinates (a tile is 1 wide), as published.
VARIANCE = 0.01


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

"""Fig. 8 of TADM: where the tiles of a timestep map lie on a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codec.geometry import TIMESTEP_TILE, Size
from codec.models.sd21.geometry import LATENT_CELL, denoiser_plan, latent_size

Floats = npt.NDArray[np.float64]


def spread(timesteps: Floats, size: Size, family: str) -> Floats:
    """The map over the picture, a value for every 8 x 8 px: the mean over the tiles that lie there.

    Args:
        timesteps: [rows, columns] of the family's tiles.
        size: of the picture.
        family: "sd21": the denoiser's overlapping tiles; otherwise tiles of 64 px, or one for the whole picture.

    Returns:
        [ceil(H / 8), ceil(W / 8)].
    """
    height, width = -(-size.height // LATENT_CELL), -(-size.width // LATENT_CELL)
    if timesteps.shape == (1, 1):
        return np.full((height, width), timesteps[0, 0])
    if family != "sd21":
        cells = TIMESTEP_TILE // LATENT_CELL
        return timesteps.repeat(cells, 0).repeat(cells, 1)[:height, :width]
    cells_of = latent_size(size)
    plan = denoiser_plan(cells_of.height, cells_of.width)
    total, count = np.zeros((cells_of.height, cells_of.width)), np.zeros((cells_of.height, cells_of.width))
    for row, top in enumerate(plan.tops):
        for column, left in enumerate(plan.lefts):
            tile = np.s_[top : top + plan.tile_height, left : left + plan.tile_width]
            total[tile] += timesteps[row, column]
            count[tile] += 1
    return (total / count)[:height, :width]

"""Integer arithmetic of the latent grid: tile grid preset 1. Normative text: `format_spec.md`, section 9.4."""

from __future__ import annotations

from codec.geometry import TIMESTEP_TILE, Size, padded
from codec.tiling.grid import plan_tiles
from codec.tiling.window import BlendPlan, plan_blend

#: HR pixels a side of a latent cell; pictures are extended to whole U-Net inputs, 8 cells.
LATENT_CELL, LATENT_HR_MULTIPLE = 8, TIMESTEP_TILE
#: Side and overlap in cells of the denoiser's tiles, and of the VAE decoder's.
LATENT_TILE, LATENT_OVERLAP = 96, 32
VAE_TILE, VAE_OVERLAP = 256, 32


def latent_size(hr: Size) -> Size:
    """Latent cells of a picture, extended to multiples of 64 pixels."""
    return Size(
        padded(hr.width, LATENT_HR_MULTIPLE) // LATENT_CELL, padded(hr.height, LATENT_HR_MULTIPLE) // LATENT_CELL
    )


def denoiser_plan(height: int, width: int) -> BlendPlan:
    """The denoiser's tiles over so many latent cells."""
    return plan_blend(plan_tiles(height, width, LATENT_TILE, LATENT_OVERLAP))


def vae_plan(height: int, width: int) -> BlendPlan:
    """The VAE decoder's tiles over so many latent cells, with weights for its pixels."""
    return plan_blend(plan_tiles(height, width, VAE_TILE, VAE_OVERLAP), LATENT_CELL)


def timestep_grid(hr: Size) -> Size:
    """Columns and rows of the denoiser's tiles.

    They overlap and the last is shifted back to the border: an axis of n cells has one, and one more for every step, or
    part of one, beyond a tile.
    """
    cells, step = latent_size(hr), LATENT_TILE - LATENT_OVERLAP
    columns, rows = (1 + max(0, -(-(n - LATENT_TILE) // step)) for n in (cells.width, cells.height))
    return Size(columns, rows)

"""How far the networks of compact-2 see: what has to lie around a piece for it to equal the whole. Without torch."""

from __future__ import annotations

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.v2.config import LATENT_FACTOR, CompactConfig

#: HR pixels of a cell at 1/8 resolution.
_DEEP = 2 * LATENT_FACTOR


def halo(config: CompactConfig, scale: int) -> int:
    """HR pixels around a piece that can influence it, rounded up to timestep tiles.

    Each 3x3 convolution reaches one cell of its resolution, a residual block two. A test measures the true reach
    against this.
    """
    entry = max(scale, LATENT_FACTOR)
    reader = max(2 * scale, entry)  # bicubic reaches two LR pixels, beside the first convolution
    size = entry
    while size > LATENT_FACTOR:
        reader += 2 * config.climb_blocks * size
        size //= 2
    before, below, after = config.blocks_at(scale)
    reader += 2 * (before + after) * LATENT_FACTOR + LATENT_FACTOR
    # cells of 1/8 are shared by 8 px: a pixel reaches to the far end of its cell
    reader += 2 * below * _DEEP + (_DEEP if config.deep_width else 0)
    denoiser = 2 * (config.denoiser_blocks + 1) * LATENT_FACTOR
    # at its farthest, a cell just past a tile's centre is interpolated with the whole of the next tile
    timesteps = TIMESTEP_TILE * 3 // 2
    return -(-(reader + max(denoiser, timesteps)) // TIMESTEP_TILE) * TIMESTEP_TILE


def writer_multiple(scale: int) -> int:
    """What the sides of a writer's piece have to be multiples of."""
    return max(scale, LATENT_FACTOR)


def writer_halo(config: CompactConfig, scale: int) -> int:
    """HR pixels around a piece that can influence its LR, a multiple of `writer_multiple`."""
    reach, size = LATENT_FACTOR * (1 + 2 * config.writer_blocks), LATENT_FACTOR
    while size < scale:
        size *= 2
        reach += 2 * size
    reach += size  # the last convolution
    unit = writer_multiple(scale)
    # a pixel of the LR is shared by `unit` pixels of HR: it reaches from the far end of its cell
    return (-(-reach // unit) + 1) * unit

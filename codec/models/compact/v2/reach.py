"""How far the networks of compact-2 see: what has to lie around a piece for it to equal the whole. Without torch."""

from __future__ import annotations

from codec.geometry import TIMESTEP_TILE, padded
from codec.models.compact.v2.config import LATENT_FACTOR, CompactConfig

#: HR pixels of a cell at 1/8 resolution.
_DEEP = 2 * LATENT_FACTOR


def halo(config: CompactConfig, scale: int) -> int:
    """HR pixels around a piece that can influence it, rounded up to timestep tiles.

    Followed from the pixels back to the LR: each 3x3 convolution reaches one cell of its resolution, a residual block
    two, and where cells become larger the reach goes to the far end of one. Tests hold this to the true reach from both
    sides: every tile too many is work on every piece.
    """
    before, below, after = config.blocks_at(scale)
    reach = timesteps = 0
    if scale in config.denoisers:
        reach = 2 * (config.denoiser_blocks + 1) * LATENT_FACTOR
        # at its farthest, a cell just past a tile's centre is interpolated with the whole of the next tile
        timesteps = reach + TIMESTEP_TILE * 3 // 2
    bicubic = padded(reach, scale) + 2 * scale
    reach += (1 + 2 * after) * LATENT_FACTOR
    deep = _DEEP if config.deep_width else LATENT_FACTOR
    reach = padded(reach, deep) + 2 * below * deep + 2 * before * LATENT_FACTOR
    size = LATENT_FACTOR
    while size < scale:
        size *= 2
        reach = padded(reach, size) + 2 * config.climb_blocks * size
    return padded(max(reach + size, bicubic, timesteps), TIMESTEP_TILE)  # with the first convolution


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

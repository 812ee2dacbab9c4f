"""How far the networks of compact-1 see: what has to lie around a piece for it to equal the whole. Without torch."""

from __future__ import annotations

import math

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.v1.config import LATENT_FACTOR, CompactConfig


def halo(c: CompactConfig, scale: int) -> int:
    """HR pixels around a piece that can influence it: the reach of all convolutions in line, rounded up to tiles.

    Each 3x3 convolution reaches one cell of its resolution. The timestep map adds the predictor's two convolutions and
    a tile and a half: at its farthest, a cell just past a tile's centre is interpolated with the whole of the next
    tile. A test measures the true reach against this.
    """
    stages = int(math.log2(scale // LATENT_FACTOR))
    # bicubic reaches 2 LR pixels, less than conv_in and the first blocks together
    reader = scale + sum(2 * c.reader_blocks * (scale >> i) for i in range(stages + 1)) + LATENT_FACTOR
    predictor = 2 * LATENT_FACTOR + TIMESTEP_TILE * 3 // 2
    denoiser = 4 + 8 * (c.blocks[0] + c.up_blocks[1]) + 16 * (c.blocks[1] + c.up_blocks[0]) + 32 * c.blocks[2]
    # cells of 1/16 are shared by 16 px: a pixel reaches to the far end of its cell
    denoiser += 16 + 4 + 2 * (1 + 2) + 2 + 1
    return -(-(reader + predictor + denoiser) // TIMESTEP_TILE) * TIMESTEP_TILE


def writer_halo(scale: int) -> int:
    """HR pixels around a piece that can influence its LR: the reach of all convolutions, whole LR pixels."""
    stages = int(math.log2(scale // LATENT_FACTOR))
    reach = 3 * LATENT_FACTOR + sum(2 * (LATENT_FACTOR << i) for i in range(1, stages + 1)) + 3 * scale
    # a pixel of the LR is shared by `scale` pixels of HR: it reaches from the far end of its cell
    return (-(-reach // scale) + 1) * scale

"""Photograph -> downscale, a strip at a time, with what lies around a strip for networks that look at it too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from codec.arrays import PixelArray, pad
from codec.geometry import Box, Size, lr_size, padded
from codec.image.rows_in import RowSource

#: LR pixels that the kernel reaches at most, and one to spare.
_KERNEL = 3


@dataclass(frozen=True)
class Strip:
    """Some rows of LR and of the photograph behind them.

    Attributes:
        lr: uint8 [n, ceil(W/scale), 3], the downscale.
        pixels: uint8 [rows, W', 3], the rows of the photograph that are held, W' a multiple of the scale.
        box: what of `pixels` the LR stands for.
    """

    lr: PixelArray
    pixels: PixelArray
    box: Box


def downscaled_strips(rows: RowSource, scale: int, height: int, reach: int = 0) -> Iterator[Strip]:
    """Antialiased bicubic downscale, Keys kernel a = -0.5, rounded to 8 bits; at scale 1 the picture itself.

    The strips put together are what the whole picture gives, within Pillow's rounding: two grey levels at most, or more
    where an overshoot beyond black or white is cut off between its two passes, whose order it chooses by the shape.

    Args:
        rows: the photograph.
        scale: HR/LR ratio.
        height: LR rows of a strip.
        reach: HR pixels around a strip that its reader needs.
    """
    size = lr_size(rows.size, scale)
    right = padded(rows.size.width, scale) - rows.size.width
    reach = max(_KERNEL * scale, reach)
    held, first = np.empty((0, rows.size.width + right, 3), np.uint8), 0
    for top in range(0, size.height, height):
        bottom = min(top + height, size.height)
        missing = bottom * scale + reach - (first + held.shape[0])
        held = np.concatenate([held, pad(rows.read(max(0, missing)), 0, right)])
        if first + held.shape[0] == rows.size.height:
            held = pad(held, size.height * scale - rows.size.height, 0)
        box = Box(0, top * scale - first, held.shape[1], (bottom - top) * scale)
        yield Strip(downscaled(held, box, Size(size.width, bottom - top)), held, box)
        keep = max(0, bottom * scale - reach - first)
        held, first = held[keep:], first + keep


def downscaled(pixels: PixelArray, box: Box, size: Size) -> PixelArray:
    """A rectangle of a picture, resized, uint8 [size.height, size.width, 3]; the kernel sees what lies around it."""
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    image = Image.fromarray(pixels).resize((size.width, size.height), Image.Resampling.BICUBIC, box=edges)
    return np.asarray(image)

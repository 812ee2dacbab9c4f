"""The alpha channel of a file."""

from __future__ import annotations

import numpy as np

from codec.arrays import PixelArray, crop, place
from codec.container.file import TadmFile
from codec.geometry import Box, hr_boxes, moved, overlap
from codec.payload.alpha import decode_alpha


def alpha_of(file: TadmFile, area: Box) -> PixelArray | None:
    """The alpha channel of an area, uint8 [H, W], None = opaque; only the parts that the area touches are decoded.

    Raises:
        FormatError: it is broken or has another size.
        UnsupportedError: its coding is not known, or a package that reads it is not installed.
    """
    if file.alpha is None:
        return None
    out = np.empty((area.height, area.width), np.uint8)
    for box, data in zip(hr_boxes(file.header.size, file.slab, file.header.scale), file.alpha.parts, strict=True):
        shared = overlap(box, area)
        if shared is not None:
            part = decode_alpha(file.alpha.coding, data, width=box.width, height=box.height)
            place(out, crop(part, moved(shared, -box.x, -box.y)), shared.x - area.x, shared.y - area.y)
    return out

"""Photograph -> LR picture, a strip at a time: the downscale and what a model's LR writer adds to it, or a rescaler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from codec.geometry import Box, Size, lr_size, padded
from codec.image.padding import pad
from codec.image.sources import RowSource
from codec.tiling.blocks import blocks

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

#: Side of the squares in which an LR writer works on large pictures, a multiple of every scale.
_BLOCK_SIDE = 1024
#: Likewise a rescaler.
_RESCALER_SIDE = 2048


class Writer(Protocol):
    """A model's LR writer, see `codec.models.compact.writing`.

    Attributes:
        halo: HR pixels around a piece that can influence its LR, a multiple of the scale.
    """

    halo: int

    def residual(self, hr: PixelArray, quality: int) -> FloatArray:
        """What to add to the downscale: uint8 [H, W, 3] -> float32 [H/scale, W/scale, 3], in grey levels."""


class Rescaler(Protocol):
    """A rescaler network that writes the whole LR, see `codec.models.sd21.writing`.

    Attributes:
        margin: HR pixels around a piece that it should see, a multiple of the scale.
    """

    margin: int

    def write(self, pixels: PixelArray) -> PixelArray:
        """uint8 [H, W, 3] -> uint8 [ceil(H/scale), ceil(W/scale), 3]."""


def lr_strips(
    rows: RowSource, scale: int, height: int, *, writer: Writer | None = None, quality: int = 100
) -> Iterator[PixelArray]:
    """Antialiased bicubic downscale, Keys kernel a = -0.5, plus the writer's residual.

    The strips put together are what the whole picture gives, within one grey level of Pillow's rounding.

    Args:
        rows: the photograph.
        scale: HR/LR ratio.
        height: LR rows of a strip.
        writer: of the model that the file is written for; None = plain downscale.
        quality: of the payload, for the writer.

    Yields:
        uint8 [height, ceil(W/scale), 3]; the last one may be lower.
    """
    size = lr_size(rows.size, scale)
    right = padded(rows.size.width, scale) - rows.size.width
    reach = max(3 * scale, 0 if writer is None else writer.halo)  # the kernel reaches 2 LR pixels
    held, first = np.empty((0, rows.size.width + right, 3), np.uint8), 0
    for top in range(0, size.height, height):
        bottom = min(top + height, size.height)
        missing = bottom * scale + reach - (first + held.shape[0])
        held = np.concatenate([held, pad(rows.read(max(0, missing)), 0, right)])
        if first + held.shape[0] == rows.size.height:
            held = pad(held, size.height * scale - rows.size.height, 0)
        box = Box(0, top * scale - first, held.shape[1], (bottom - top) * scale)
        strip = _downscaled(held, box, Size(size.width, bottom - top))
        yield strip if writer is None else _written(strip, held, box, scale, writer, quality)
        keep = max(0, bottom * scale - reach - first)
        held, first = held[keep:], first + keep


def rescaled_strips(rows: RowSource, scale: int, height: int, rescaler: Rescaler) -> Iterator[PixelArray]:
    """The LR that a rescaler network writes; pictures up to 4 megapixels whole, larger ones in squares of 2048 px.

    Args:
        rows: the photograph.
        scale: HR/LR ratio.
        height: LR rows of a strip.
        rescaler: of the model that the file is written for.

    Yields:
        uint8 [height, ceil(W/scale), 3]; the last one may be lower.
    """
    hr, size, margin = rows.size, lr_size(rows.size, scale), rescaler.margin
    held, first = np.empty((0, hr.width, 3), np.uint8), 0
    for top in range(0, size.height, height):
        bottom = min(top + height, size.height)
        held = np.concatenate([held, rows.read(max(0, min(bottom * scale + margin, hr.height) - first - len(held)))])
        out = np.empty((bottom - top, size.width, 3), np.uint8)
        box = Box(0, top * scale - first, hr.width, min(bottom * scale, hr.height) - top * scale)
        seen = Size(hr.width, len(held))
        for block in blocks(seen, box, side=_RESCALER_SIDE, halo=margin, whole_pixels=_RESCALER_SIDE**2):
            core, reach = block.core, block.reach
            lr = rescaler.write(held[reach.y : reach.y + reach.height, reach.x : reach.x + reach.width])
            part = lr_size(Size(core.width, core.height), scale)
            y, x = (core.y - reach.y) // scale, (core.x - reach.x) // scale
            at = np.s_[(core.y - box.y) // scale :, core.x // scale :]
            out[at][: part.height, : part.width] = lr[y : y + part.height, x : x + part.width]
        yield out
        keep = max(0, bottom * scale - margin - first)
        held, first = held[keep:], first + keep


def _downscaled(pixels: PixelArray, box: Box, size: Size) -> PixelArray:
    """A rectangle of a picture, resized; the kernel sees what lies around the rectangle."""
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    image = Image.fromarray(pixels).resize((size.width, size.height), Image.Resampling.BICUBIC, box=edges)
    return np.asarray(image)


def _written(
    strip: PixelArray, pixels: PixelArray, box: Box, scale: int, writer: Writer, quality: int
) -> PixelArray:  # fmt: skip
    """The downscale of a rectangle of a picture with the writer's residual added."""
    out = np.empty_like(strip)
    size = Size(pixels.shape[1], pixels.shape[0])
    for block in blocks(size, box, side=_BLOCK_SIDE, halo=writer.halo, whole_pixels=_BLOCK_SIDE**2):
        core, reach = block.core, block.reach
        residual = writer.residual(pixels[reach.y : reach.y + reach.height, reach.x : reach.x + reach.width], quality)
        y, x = (core.y - reach.y) // scale, (core.x - reach.x) // scale
        h, w = core.height // scale, core.width // scale
        at = np.s_[(core.y - box.y) // scale :, core.x // scale :]
        sum_ = strip[at][:h, :w] + residual[y : y + h, x : x + w]
        out[at][:h, :w] = np.clip(np.rint(sum_), 0, 255).astype(np.uint8)
    return out

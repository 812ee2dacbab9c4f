"""Integer arithmetic of sizes, tiles and slabs. No arrays, no floats."""

from __future__ import annotations

from dataclasses import dataclass

#: Side in HR pixels of what the networks of every grid preset run on whole: pictures are extended to multiples of it.
TIMESTEP_TILE = 64
#: Pictures of more HR pixels are read a few rows at a time where that is possible (then without alpha or target rate),
STREAM_PIXELS = 2**26
#: and written a few rows at a time.
ROWS_OUT_PIXELS = 2**24
#: HR pixels below which the LR is stored as one slab.
ONE_SLAB_PIXELS = 16_000_000
#: Longest side in HR pixels of a picture that is one slab: its alpha has to fit a WebP.
ONE_SLAB_SIDE = 2**14 - 1
#: Side of a slab in HR pixels when there are several; a multiple of every scale and tile.
SLAB_SIDE = 2048


@dataclass(frozen=True)
class Size:
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True)
class Box:
    """Rectangle with its top-left pixel and its size."""

    x: int
    y: int
    width: int
    height: int


def overlap(a: Box, b: Box) -> Box | None:
    """What two rectangles share, None if nothing."""
    left, top = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.x + a.width, b.x + b.width), min(a.y + a.height, b.y + b.height)
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def moved(box: Box, x: int, y: int) -> Box:
    """The rectangle, shifted."""
    return Box(box.x + x, box.y + y, box.width, box.height)


def lr_size(hr: Size, scale: int) -> Size:
    """Size of the LR picture: both sides divided by the scale, rounded up."""
    return Size(-(-hr.width // scale), -(-hr.height // scale))


def padded(length: int, multiple: int) -> int:
    """The next multiple at or above `length`."""
    return -(-length // multiple) * multiple


def slab_size(hr: Size, scale: int) -> Size:
    """Size of a slab in LR pixels: the whole LR below 16 megapixels, otherwise squares of 2048 HR pixels.

    Also squares where a side is longer than 16383: image formats, and so payloads, end there.
    """
    if hr.pixels < ONE_SLAB_PIXELS and max(hr.width, hr.height) <= ONE_SLAB_SIDE:
        return lr_size(hr, scale)
    side = -(-SLAB_SIDE // scale)
    return Size(side, side)


def slab_boxes(lr: Size, slab: Size) -> list[Box]:
    """Slabs of an LR picture, row by row; those at the right and bottom are cut to the picture."""
    return [
        Box(x, y, min(slab.width, lr.width - x), min(slab.height, lr.height - y))
        for y in range(0, lr.height, slab.height)
        for x in range(0, lr.width, slab.width)
    ]


def hr_boxes(hr: Size, slab: Size, scale: int) -> list[Box]:
    """HR pixels of every slab, row by row; those at the right and bottom are cut to the picture."""
    side = Size(slab.width * scale, slab.height * scale)
    return slab_boxes(hr, side)


def grid_cells(hr: Size, tile: int) -> Size:
    """Columns and rows of tiles of side `tile` that cover the picture without overlap."""
    return Size(-(-hr.width // tile), -(-hr.height // tile))

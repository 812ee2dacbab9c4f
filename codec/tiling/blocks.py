"""Cutting a picture into blocks with halo, so that memory does not grow with the picture. Integers only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codec.geometry import Box, Size


@dataclass(frozen=True)
class Block:
    """One piece of work.

    Attributes:
        core: rectangle this block fills.
        reach: rectangle it must compute to do so: `core` grown by the halo, cut to the picture.
    """

    core: Box
    reach: Box


def blocks(size: Size, *, side: int, halo: int, whole_pixels: int) -> Iterator[Block]:
    """Blocks that cover a picture, row by row.

    Args:
        size: of the padded picture.
        side: of a block's core.
        halo: pixels around the core that influence it.
        whole_pixels: a picture of at most so many pixels is one block.
    """
    if size.pixels <= whole_pixels:
        whole = Box(0, 0, size.width, size.height)
        yield Block(whole, whole)
        return
    for y in range(0, size.height, side):
        for x in range(0, size.width, side):
            core = Box(x, y, min(side, size.width - x), min(side, size.height - y))
            left, top = max(0, x - halo), max(0, y - halo)
            right = min(size.width, x + core.width + halo)
            bottom = min(size.height, y + core.height + halo)
            yield Block(core, Box(left, top, right - left, bottom - top))

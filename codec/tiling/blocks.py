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


def blocks(size: Size, area: Box, *, side: int, halo: int, whole_pixels: int) -> Iterator[Block]:
    """Blocks that cover an area of a picture, row by row.

    Args:
        size: of the padded picture.
        area: to cover, inside the picture.
        side: of a block's core.
        halo: pixels around the core that influence it.
        whole_pixels: an area of at most so many pixels is one block.
    """
    step_x, step_y = (area.width, area.height) if area.width * area.height <= whole_pixels else (side, side)
    for y in range(area.y, area.y + area.height, step_y):
        for x in range(area.x, area.x + area.width, step_x):
            core = Box(x, y, min(step_x, area.x + area.width - x), min(step_y, area.y + area.height - y))
            left, top = max(0, x - halo), max(0, y - halo)
            right = min(size.width, x + core.width + halo)
            bottom = min(size.height, y + core.height + halo)
            yield Block(core, Box(left, top, right - left, bottom - top))

"""Cutting a picture into blocks with halo, so that memory does not grow with the picture. Integers only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codec.geometry import Box, Size, padded


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
            yield with_reach(size, core, halo)


def with_reach(size: Size, core: Box, halo: int) -> Block:
    """The block that fills a rectangle of a picture."""
    left, top = max(0, core.x - halo), max(0, core.y - halo)
    right = min(size.width, core.x + core.width + halo)
    bottom = min(size.height, core.y + core.height + halo)
    return Block(core, Box(left, top, right - left, bottom - top))


def halves(box: Box, multiple: int) -> tuple[Box, Box] | None:
    """A rectangle cut across its longer side on a multiple; None if that side is no longer than one multiple.

    Args:
        box: with corners on multiples.
        multiple: in pixels.
    """
    if max(box.width, box.height) <= multiple:
        return None
    if box.width >= box.height:
        cut = padded(box.width // 2, multiple)
        return Box(box.x, box.y, cut, box.height), Box(box.x + cut, box.y, box.width - cut, box.height)
    cut = padded(box.height // 2, multiple)
    return Box(box.x, box.y, box.width, cut), Box(box.x, box.y + cut, box.width, box.height - cut)

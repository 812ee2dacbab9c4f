"""Integer arithmetic of two passes: tile grid preset 3. Normative text: `format_spec.md`, section 9.6. No torch."""

from __future__ import annotations

from codec.geometry import TIMESTEP_TILE, Box, Size, lr_size, padded
from codec.tiling.grid import plan_tiles
from codec.tiling.window import BlendPlan, plan_blend

#: Side in pixels of a pass's tiles, the side that both adapters were trained at, and what neighbours share.
TILE, OVERLAP = 512, 128


def pass_plan(size: Size) -> BlendPlan:
    """The tiles of a pass over an enlarged picture, with weights for its pixels."""
    return plan_blend(plan_tiles(size.height, size.width, TILE, OVERLAP))


def extended_lr(hr: Size, scale: int, first: int) -> Size:
    """The LR of a picture, extended until the first pass's picture has sides that are multiples of 64.

    Args:
        hr: size of the photograph.
        scale: HR/LR ratio.
        first: how much the first pass enlarges.
    """
    lr, multiple = lr_size(hr, scale), max(1, TIMESTEP_TILE // first)
    return Size(padded(lr.width, multiple), padded(lr.height, multiple))


def enlarged_size(size: Size, factor: int) -> Size:
    """Both sides times the factor."""
    return Size(size.width * factor, size.height * factor)


def touched(plan: BlendPlan, area: Box) -> tuple[list[int], list[int]]:
    """Numbers of the rows and columns of tiles that an area touches."""
    rows = [i for i, top in enumerate(plan.tops) if top < area.y + area.height and top + plan.tile_height > area.y]
    columns = [i for i, left in enumerate(plan.lefts) if left < area.x + area.width and left + plan.tile_width > area.x]
    return rows, columns


def seen(plan: BlendPlan, area: Box) -> Box:
    """What the tiles that an area touches cover together."""
    rows, columns = touched(plan, area)
    x, y = plan.lefts[columns[0]], plan.tops[rows[0]]
    return Box(
        x, y, plan.lefts[columns[-1]] + plan.tile_width - x, plan.tops[rows[-1]] + plan.tile_height - y
    )  # fmt: skip


def before(area: Box, size: Size, factor: int, reach: int) -> Box:
    """What of a picture an area of the enlarged one is made of, with the pixels around it that the kernel reaches.

    Args:
        area: in the enlarged picture.
        size: of the picture before.
        factor: between both.
        reach: pixels of the picture before.
    """
    left, top = max(0, area.x // factor - reach), max(0, area.y // factor - reach)
    right = min(size.width, -(-(area.x + area.width) // factor) + reach)
    bottom = min(size.height, -(-(area.y + area.height) // factor) + reach)
    return Box(left, top, right - left, bottom - top)

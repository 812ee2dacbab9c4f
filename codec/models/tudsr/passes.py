"""From one picture to a larger one, tile by tile: what a pass sees, and how its tiles are joined.

Every tile is a pass by itself, of the side that the adapters were trained at, and its input is cut from the same
pixels whatever else is decoded: so a region is exactly a part of the whole, and memory is that of a row of tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import Progress
from codec.geometry import Box, Size, overlap
from codec.models.tudsr.geometry import before, enlarged_size, pass_plan, touched
from codec.tiling.window import BlendPlan

#: Kernels of enlargement and how many pixels each reaches. The LR is enlarged bicubically (the paper does not say how),
#: what the first pass gives bilinearly (Eq. 10).
REACH = {"bicubic": 2, "bilinear": 1}
#: Tiles of an enlarged picture [n, 3, h, w] -> what the pass makes of them, of the same shape.
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Part:
    """A part of a picture that is to be enlarged.

    Attributes:
        pixels: float [1, 3, box.height, box.width] in [-1, 1].
        box: where it lies in the picture.
        size: of the whole picture.
    """

    pixels: Tensor
    box: Box
    size: Size

    def enlarged(self, factor: int, kernel: str, area: Box) -> Tensor:
        """An area of the enlarged picture, float [1, 3, area.height, area.width] in [-1, 1].

        Half-pixel centres, edges of the picture replicated. The part has to hold what the kernel reaches.
        """
        source = before(area, self.size, factor, REACH[kernel])
        x, y = source.x - self.box.x, source.y - self.box.y
        pixels = self.pixels[:, :, y : y + source.height, x : x + source.width]
        large = F.interpolate(pixels, scale_factor=factor, mode=kernel, align_corners=False).clamp(-1.0, 1.0)
        x, y = area.x - source.x * factor, area.y - source.y * factor
        return large[:, :, y : y + area.height, x : x + area.width]


@dataclass(frozen=True)
class Pass:
    """One step from a picture to a larger one.

    Attributes:
        factor: how much larger.
        kernel: of the enlargement, see `REACH`.
        network: what is run on its tiles; None = nothing, the enlargement alone.
    """

    factor: int
    kernel: str
    network: Network | None

    def plan(self, size: Size) -> BlendPlan:
        """Its tiles over a picture that it enlarges."""
        return pass_plan(enlarged_size(size, self.factor))

    def rows(self, part: Part, area: Box, progress: Progress | None = None) -> Iterator[Tensor]:
        """Rows of an area of the result as they become complete, float32 [3, n, area.width] in [-1, 1].

        Args:
            part: of the picture before, all that the tiles of the area are made of.
            area: of the result.
            progress: called with (tiles done, tiles in all).
        """
        plan, done = self.plan(part.size), 0
        rows, columns = touched(plan, area)
        held, before_top = None, 0
        for place, row in enumerate(rows):
            top = plan.tops[row]
            fresh = part.pixels.new_zeros(3, plan.tile_height, area.width, dtype=torch.float32)
            if held is not None:
                fresh[:, : plan.tile_height - (top - before_top)] = held[:, top - before_top :]
            boxes = [Box(plan.lefts[c], top, plan.tile_width, plan.tile_height) for c in columns]
            for column, made in zip(columns, self._tiles(part, boxes), strict=True):
                _add(fresh, plan, row, column, made, area)
                done += 1
                if progress is not None:
                    progress(done, len(rows) * len(columns))
            last = place + 1 == len(rows)
            bottom = area.y + area.height if last else plan.tops[rows[place + 1]]
            first, end = max(area.y, top) - top, min(bottom, area.y + area.height) - top
            if end > first:
                yield fresh[:, first:end]
            held, before_top = fresh, top

    def whole(self, part: Part, area: Box, progress: Progress | None = None) -> Part:
        """An area of the result, to be enlarged further."""
        pixels = torch.cat(list(self.rows(part, area, progress)), 1)[None]
        return Part(pixels, area, enlarged_size(part.size, self.factor))

    def _tiles(self, part: Part, boxes: Sequence[Box]) -> Iterator[Tensor]:
        inputs = [part.enlarged(self.factor, self.kernel, box) for box in boxes]
        if self.network is None:
            yield from (x[0].float() for x in inputs)
        else:
            yield from self.network(torch.cat(inputs)).float().clamp(-1.0, 1.0)


def _add(held: Tensor, plan: BlendPlan, row: int, column: int, made: Tensor, area: Box) -> None:
    """Add a tile times its weights to the rows that are held: those of its row of tiles, of the area's columns."""
    tile = Box(plan.lefts[column], plan.tops[row], plan.tile_width, plan.tile_height)
    shared = overlap(tile, Box(area.x, tile.y, area.width, tile.height))
    assert shared is not None  # these are the tiles that the area touches
    x = slice(shared.x - tile.x, shared.x - tile.x + shared.width)
    down = torch.tensor(plan.row_weights[row], device=made.device)
    across = torch.tensor(plan.column_weights[column][x], device=made.device)
    held[:, :, shared.x - area.x : shared.x - area.x + shared.width] += made[:, :, x] * (down[:, None] * across[None])

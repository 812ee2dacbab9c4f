"""Running a network over the overlapping tiles of a latent, in batches, and blending what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from codec.arrays import Progress
from codec.errors import InputError
from codec.tiling.window import BlendPlan


def run_tiles(
    z: Tensor,
    plan: BlendPlan | None,
    batch: int,
    step: Callable[[Tensor, slice], Tensor],
    progress: Progress | None = None,
) -> Tensor:
    """Apply `step` to every tile and blend the results.

    Args:
        z: float [B, C, h, w].
        plan: tiles of h x w; None = one tile. Its weights say how many times larger than a tile a result is.
        batch: tiles a call of `step`.
        step: (tiles [n, C, th, tw], their numbers) -> [n, D, th*factor, tw*factor]. Tiles are numbered through all
            pictures of `z`, row by row in each.
        progress: called after each batch.

    Returns:
        float32 [B, D, h*factor, w*factor]. With a single tile it is what `step` gave, not touched by any window.

    Raises:
        InputError: the plan is for another size or for results of another size, or `batch` is below 1.
    """
    many = plan is not None and len(plan.tops) * len(plan.lefts) > 1
    blend = _Blend(plan, len(z), z.device) if plan is not None and many else None
    results = []
    for tiles, numbers, total in tile_batches(z, plan, batch):
        done = step(tiles, slice(numbers.start, numbers.stop)).float()
        if blend is None:
            results.append(done)
        else:
            blend.add(done, numbers)
        if progress is not None:
            progress(numbers.stop, total)
    return torch.cat(results) if blend is None else blend.blended


def tile_batches(z: Tensor, plan: BlendPlan | None, batch: int) -> Iterator[tuple[Tensor, range, int]]:
    """The tiles of a latent, in batches: (tiles [n, C, th, tw], their numbers, tiles in all).

    Args:
        z: float [B, C, h, w].
        plan: tiles of h x w; None = one tile.
        batch: tiles at a time.

    Raises:
        InputError: the plan is for another size, or `batch` is below 1.
    """
    if batch < 1:
        raise InputError(f"batch is {batch} tiles, expected at least 1")
    if plan is not None and (plan.height, plan.width) != tuple(z.shape[2:]):
        raise InputError(f"tile plan is for {plan.height}x{plan.width} cells, the latent has {list(z.shape[2:])}")
    corners = [(0, 0)] if plan is None else [(top, left) for top in plan.tops for left in plan.lefts]
    tile_height, tile_width = z.shape[2:] if plan is None else (plan.tile_height, plan.tile_width)
    total = len(z) * len(corners)
    for first in range(0, total, batch):
        numbers = range(first, min(first + batch, total))
        places = [(n // len(corners), *corners[n % len(corners)]) for n in numbers]
        tiles = [z[i, :, top : top + tile_height, left : left + tile_width] for i, top, left in places]
        yield torch.stack(tiles), numbers, total


class _Blend:
    """Weighted sum of tile results, filled tile by tile."""

    blended: Tensor

    def __init__(self, plan: BlendPlan, pictures: int, device: torch.device) -> None:
        self.plan = plan
        self.pictures = pictures
        self.rows = torch.tensor(plan.row_weights, dtype=torch.float32, device=device)
        self.columns = torch.tensor(plan.column_weights, dtype=torch.float32, device=device)
        self.factor = self.rows.shape[1] // plan.tile_height

    def add(self, results: Tensor, numbers: range) -> None:
        """Add the results of consecutive tiles, float32 [n, D, th*factor, tw*factor]; the first call allocates."""
        plan, factor = self.plan, self.factor
        expected = (self.rows.shape[1], self.columns.shape[1])
        if tuple(results.shape[2:]) != expected:
            raise InputError(
                f"tile plan has weights for {expected} cells a tile, results have {tuple(results.shape[2:])}"
            )
        if numbers.start == 0:
            size = (plan.height * factor, plan.width * factor)
            self.blended = results.new_zeros(self.pictures, results.shape[1], *size)
        for number, result in zip(numbers, results, strict=True):
            picture, tile = divmod(number, len(plan.tops) * len(plan.lefts))
            row, column = divmod(tile, len(plan.lefts))
            top, left = plan.tops[row] * factor, plan.lefts[column] * factor
            target = self.blended[picture, :, top : top + result.shape[1], left : left + result.shape[2]]
            target += result * (self.rows[row][:, None] * self.columns[column][None])

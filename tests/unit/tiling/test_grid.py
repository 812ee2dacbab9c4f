"""Properties of tile grids."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InputError
from codec.tiling.grid import plan_axis, plan_tiles

tiles = st.integers(1, 40).flatmap(lambda tile: st.tuples(st.just(tile), st.integers(0, tile - 1)))


@given(length=st.integers(1, 300), tiling=tiles)
def test_axis_covers_every_cell_inside_its_bounds(length: int, tiling: tuple[int, int]) -> None:
    tile, overlap = tiling
    starts = plan_axis(length, tile, overlap)
    side = min(tile, length)
    covered = {start + i for start in starts for i in range(side)}
    assert covered == set(range(length))
    assert list(starts) == sorted(set(starts))
    assert starts[-1] == length - side


@given(length=st.integers(1, 300), tiling=tiles)
def test_neighbours_share_the_overlap_and_only_the_last_shares_more(length: int, tiling: tuple[int, int]) -> None:
    tile, overlap = tiling
    starts = plan_axis(length, tile, overlap)
    steps = [after - before for before, after in pairwise(starts)]
    assert all(step == tile - overlap for step in steps[:-1])
    assert all(0 < step <= tile - overlap for step in steps)


@given(height=st.integers(1, 90), width=st.integers(1, 90), tiling=tiles)
def test_grid_is_equal_boxes_row_by_row(height: int, width: int, tiling: tuple[int, int]) -> None:
    tile, overlap = tiling
    grid = plan_tiles(height, width, tile, overlap)
    boxes = grid.boxes()
    assert len(boxes) == grid.count == grid.rows * grid.columns
    assert {(box.height, box.width) for box in boxes} == {(min(tile, height), min(tile, width))}
    assert all(box.y + box.height <= height and box.x + box.width <= width for box in boxes)
    assert [(box.y, box.x) for box in boxes] == sorted((box.y, box.x) for box in boxes)


def test_published_tiling_of_a_2048_pixel_picture() -> None:
    assert plan_axis(256, 96, 32) == (0, 64, 128, 160)


def test_no_larger_than_a_tile_is_one_tile() -> None:
    grid = plan_tiles(32, 96, 96, 32)
    assert (grid.count, grid.tile_height, grid.tile_width) == (1, 32, 96)


@pytest.mark.parametrize(("length", "tile", "overlap"), [(0, 8, 0), (8, 0, 0), (8, 4, 4), (8, 4, -1), (-1, 4, 0)])
def test_arguments_out_of_range(length: int, tile: int, overlap: int) -> None:
    with pytest.raises(InputError, match="tile grid"):
        plan_axis(length, tile, overlap)

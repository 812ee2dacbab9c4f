"""Properties of the blending window."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InputError
from codec.tiling.grid import plan_axis, plan_tiles
from codec.tiling.window import axis_weights, gaussian, plan_blend

tiles = st.integers(1, 40).flatmap(lambda tile: st.tuples(st.just(tile), st.integers(0, tile - 1)))


@given(length=st.integers(1, 200))
def test_window_is_symmetric_positive_and_highest_in_the_middle(length: int) -> None:
    window = gaussian(length)
    assert window == pytest.approx(window[::-1], rel=1e-12)
    assert all(0 < weight <= 1 for weight in window)
    assert list(window[: (length + 1) // 2]) == sorted(window[: (length + 1) // 2])


def test_variance_is_in_tile_widths() -> None:
    window = gaussian(101)
    assert window[50] == 1
    assert window[60] == pytest.approx(math.exp(-((10 / 101) ** 2) / 0.02))


@given(length=st.integers(1, 300), tiling=tiles)
def test_weights_of_an_axis_sum_to_one_everywhere(length: int, tiling: tuple[int, int]) -> None:
    tile, overlap = tiling
    starts = plan_axis(length, tile, overlap)
    side = min(tile, length)
    total = [0.0] * length
    for start, weights in zip(starts, axis_weights(starts, side, length), strict=True):
        assert len(weights) == side
        for i, weight in enumerate(weights):
            total[start + i] += weight
    assert total == pytest.approx([1.0] * length)


@given(height=st.integers(1, 40), width=st.integers(1, 40), tiling=tiles, factor=st.integers(1, 3))
def test_weights_of_a_grid_sum_to_one_everywhere(height: int, width: int, tiling: tuple[int, int], factor: int) -> None:
    plan = plan_blend(plan_tiles(height, width, *tiling), factor)
    total: dict[tuple[int, int], float] = {}
    for top, rows in zip(plan.tops, plan.row_weights, strict=True):
        for left, columns in zip(plan.lefts, plan.column_weights, strict=True):
            for i in (0, len(rows) // 2, len(rows) - 1):
                for j in (0, len(columns) // 2, len(columns) - 1):
                    total[top * factor + i, left * factor + j] = 0.0
    for y, x in total:
        weight_y = sum(
            rows[y - top * factor]
            for top, rows in zip(plan.tops, plan.row_weights, strict=True)
            if 0 <= y - top * factor < len(rows)
        )
        weight_x = sum(
            columns[x - left * factor]
            for left, columns in zip(plan.lefts, plan.column_weights, strict=True)
            if 0 <= x - left * factor < len(columns)
        )
        assert weight_y * weight_x == pytest.approx(1)


def test_a_cell_in_one_tile_only_takes_all_of_it() -> None:
    first, _ = axis_weights((0, 8), 12, 20)
    assert first[:8] == (1.0,) * 8
    assert 0 < first[11] < 0.5


def test_arguments_out_of_range() -> None:
    with pytest.raises(InputError, match="leaves the axis"):
        axis_weights((0, 9), 12, 20)
    with pytest.raises(InputError, match="cell 12 of 20 is in no tile"):
        axis_weights((0,), 12, 20)
    with pytest.raises(InputError, match="length"):
        gaussian(0)
    with pytest.raises(InputError, match="variance"):
        gaussian(4, 0)
    with pytest.raises(InputError, match="factor"):
        plan_blend(plan_tiles(4, 4, 4, 0), 0)

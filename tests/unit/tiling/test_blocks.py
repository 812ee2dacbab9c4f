from hypothesis import given
from hypothesis import strategies as st

from codec.geometry import Box, Size
from codec.tiling.blocks import blocks, halves


@given(
    *(st.integers(1, 12) for _ in range(2)),
    *(st.integers(0, 11) for _ in range(4)),
    st.integers(1, 5),
    st.integers(0, 4),
)
def test_cores_tile_the_area_and_reach_lies_inside(
    width: int, height: int, x: int, y: int, w: int, h: int, side: int, halo: int
) -> None:
    size, seen = Size(64 * width, 64 * height), 0
    x, y = min(x, width - 1), min(y, height - 1)
    area = Box(64 * x, 64 * y, 64 * max(1, min(w, width - x)), 64 * max(1, min(h, height - y)))
    for block in blocks(size, area, side=64 * side, halo=64 * halo, whole_pixels=0):
        core, reach = block.core, block.reach
        seen += core.width * core.height
        assert area.x <= core.x
        assert core.x + core.width <= area.x + area.width
        assert core.x + core.width <= reach.x + reach.width <= size.width
        assert reach.x == max(0, core.x - 64 * halo)
        assert reach.y + reach.height == min(size.height, core.y + core.height + 64 * halo)
    assert seen == area.width * area.height


def test_small_areas_are_one_block() -> None:
    whole = Box(0, 0, 768, 512)
    (block,) = blocks(Size(768, 512), whole, side=64, halo=64, whole_pixels=768 * 512)
    assert block.core == block.reach == whole


@given(*(st.integers(0, 5) for _ in range(2)), *(st.integers(1, 9) for _ in range(2)))
def test_halves_fill_the_box_on_multiples(x: int, y: int, width: int, height: int) -> None:
    box = Box(64 * x, 64 * y, 64 * width, 64 * height)
    parts = halves(box, 64)
    if width == height == 1:
        assert parts is None
        return
    assert parts is not None
    first, second = parts
    assert first.width * first.height + second.width * second.height == box.width * box.height
    assert (first.x, first.y) == (box.x, box.y)
    assert (second.x + second.width, second.y + second.height) == (box.x + box.width, box.y + box.height)
    assert all(v > 0 and v % 64 == 0 for part in parts for v in (part.width, part.height))
    assert max(first.width, first.height) < max(width, height) * 64 or width == height

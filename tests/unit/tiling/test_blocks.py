from hypothesis import given
from hypothesis import strategies as st

from codec.geometry import Size
from codec.tiling.blocks import blocks


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(0, 4))
def test_cores_tile_the_picture_and_reach_lies_inside(width: int, height: int, side: int, halo: int) -> None:
    size, seen = Size(64 * width, 64 * height), 0
    for block in blocks(size, side=64 * side, halo=64 * halo, whole_pixels=0):
        core, reach = block.core, block.reach
        seen += core.width * core.height
        assert 0 <= reach.x <= core.x
        assert core.x + core.width <= reach.x + reach.width <= size.width
        assert reach.x == max(0, core.x - 64 * halo)
        assert reach.y + reach.height == min(size.height, core.y + core.height + 64 * halo)
    assert seen == size.pixels


def test_small_pictures_are_one_block() -> None:
    (block,) = blocks(Size(768, 512), side=64, halo=64, whole_pixels=768 * 512)
    assert (block.core.width, block.core.height) == (768, 512)
    assert block.core == block.reach

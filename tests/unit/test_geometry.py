from hypothesis import given
from hypothesis import strategies as st

from codec.geometry import ONE_SLAB_PIXELS, Size, lr_size, slab_boxes, slab_size

sides = st.integers(1, 300)


@given(sides, sides, st.sampled_from([4, 8, 16, 32]))
def test_lr_covers_hr_and_no_more(width: int, height: int, scale: int) -> None:
    lr = lr_size(Size(width, height), scale)
    assert 0 <= lr.width * scale - width < scale
    assert 0 <= lr.height * scale - height < scale


@given(sides, sides, st.integers(1, 64), st.integers(1, 64))
def test_slabs_tile_the_lr_exactly(width: int, height: int, slab_width: int, slab_height: int) -> None:
    covered: set[tuple[int, int]] = set()
    for box in slab_boxes(Size(width, height), Size(slab_width, slab_height)):
        assert 1 <= box.width <= slab_width
        assert 1 <= box.height <= slab_height
        cells = {(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}
        assert not cells & covered
        covered |= cells
    assert len(covered) == width * height


def test_a_photograph_is_one_slab_and_a_scan_is_many() -> None:
    small, large = Size(4000, 3000), Size(8192, 8192)
    assert small.pixels < ONE_SLAB_PIXELS < large.pixels
    assert slab_size(small, 4) == lr_size(small, 4)
    assert slab_size(large, 4) == Size(512, 512)
    assert len(slab_boxes(lr_size(large, 4), slab_size(large, 4))) == 16

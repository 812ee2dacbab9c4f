"""Regions of large files: only what is needed is read and decoded."""

import io
from pathlib import Path

import numpy as np
import pytest

import codec


class Counting(io.BytesIO):
    """A file object that remembers how many bytes were read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.fixture(scope="module")
def large(tiny_package: Path) -> bytes:
    """16.8 megapixels: 3 x 3 slabs at scale 16."""
    y, x = np.mgrid[0:4100, 0:4100]
    pixels = np.stack([x // 17, y // 17, (x + y) // 40], 2).astype(np.uint8)
    return codec.encode(pixels, scale=16, payload="png", effort="fast", model=str(tiny_package))


def test_a_region_reads_and_decodes_only_its_slabs(large: bytes, tiny_package: Path) -> None:
    handle = Counting(large)
    with codec.open(handle, model=str(tiny_package)) as image:
        head = handle.taken
        assert image.info.slabs == 9
        assert image.decode(region=(100, 2400, 300, 200)).size == (300, 200)
        read = handle.taken - head
        # what is decoded is kept: the same place again reads nothing
        image.decode(region=(110, 2400, 30, 20))
        assert handle.taken - head == read
        lengths = [len(payload) for payload in image.container.payloads]
    assert head < 1000
    assert read == lengths[0] + lengths[3]  # the halo reaches up into the first row


def test_the_region_is_the_crop_of_the_whole(large: bytes, tiny_package: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.tadm"
    path.write_bytes(large)
    region = (2000, 2040, 70, 40)
    part = np.asarray(codec.decode(path, region=region, model=str(tiny_package)))
    wide = np.asarray(codec.decode(path, region=(1500, 2000, 700, 100), model=str(tiny_package)))
    assert np.array_equal(part, wide[40:80, 500:570])


@pytest.mark.parametrize("region", [(0, 0, 0, 1), (-1, 0, 2, 2), (4099, 0, 2, 1), (0, 4100, 1, 1)])
def test_regions_outside_are_refused(large: bytes, tiny_package: Path, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(codec.InputError, match="is not inside the picture of 4100x4100"):
        codec.decode(large, region=region, model=str(tiny_package))


@pytest.mark.parametrize("region", [(0, 0, 1), (0, 0, 1.5, 1), "abcd"])
def test_regions_of_another_form_are_refused(large: bytes, region: object) -> None:
    with pytest.raises(codec.InputError, match="expected four whole numbers"):
        codec.decode(large, region=region)  # type: ignore[arg-type]


def test_info_of_a_large_file_reads_its_head_only(large: bytes) -> None:
    handle = Counting(large)
    info = codec.read_info(handle)
    assert (info.slabs, info.bytes) == (9, len(large))
    assert handle.taken < 1000


def test_file_objects_that_cannot_seek_are_read_whole(large: bytes) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert codec.read_info(Stream(large)).slabs == 9
    with pytest.raises(codec.InputError, match="not binary"):
        codec.read_info(io.StringIO("text"))  # type: ignore[arg-type]


def test_a_stream_that_does_not_end_is_read_up_to_the_limit() -> None:
    class Endless(Counting):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size >= 0, "all of it was asked for"
            self.taken += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(codec.LimitError, match="over the limit of 5000"):
        codec.read_info(stream, limits=codec.DecodeLimits(file_bytes=5000))
    assert stream.taken == 5001

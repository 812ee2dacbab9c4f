"""Pictures a few rows at a time give the same bytes and pixels as pictures in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import codec
from codec import encoder
from codec.encoder import lr_strips
from codec.errors import InputError, UnsupportedError
from codec.geometry import Size
from codec.image.padding import pad
from codec.image.rows import ROW_FORMATS, ArrayRows, VipsRows, write_rows


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1009 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 300), st.sampled_from([4, 8, 16, 32]), st.integers(1, 9))
def test_strips_of_the_lr_are_the_downscale_of_the_whole(width: int, height: int, scale: int, strip: int) -> None:
    pixels = noise(width, height)
    whole = pad(pixels, -height % scale, -width % scale)
    size = (whole.shape[1] // scale, whole.shape[0] // scale)
    want = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BICUBIC))
    got = np.concatenate(list(lr_strips(ArrayRows(pixels), scale, strip)))
    assert got.shape == want.shape
    # Pillow chooses the order of its two passes, and so the rounding between them, by the shape of what it gets
    assert np.abs(got.astype(int) - want).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_files_are_read_row_by_row(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(70, 50)).save(path)
    rows = VipsRows(path)
    assert rows.size == Size(70, 50)
    got = np.concatenate([rows.read(7), rows.read(40), rows.read(99)])
    with Image.open(path) as image:
        assert np.abs(np.asarray(image).astype(int) - got).max() <= (2 if suffix == ".jpg" else 0)
    assert rows.read(1).shape == (0, 70, 3)


def test_gray_and_16_bit_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    Image.fromarray(noise(9, 8)[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(noise(9, 8)[..., 0].astype(np.uint16) * 257).save(tmp_path / "wide.png")
    for name in ("gray.png", "wide.png"):
        assert np.array_equal(VipsRows(tmp_path / name).read(8), np.repeat(noise(9, 8)[..., :1], 3, 2))
    Image.fromarray(noise(9, 8)).convert("CMYK").save(tmp_path / "cmyk.tif")
    with pytest.raises(InputError, match="colour space cmyk"):
        VipsRows(tmp_path / "cmyk.tif")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match="not a picture"):
        VipsRows(tmp_path / "text.png")


def test_a_streamed_file_is_the_file_made_in_memory(
    tmp_path: Path, tiny_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    path = tmp_path / "a.png"
    Image.fromarray(noise(333, 222)).save(path)
    want = codec.encode(path, model=str(tiny_package), effort="fast")
    monkeypatch.setattr(encoder, "STREAM_PIXELS", 0)
    assert codec.encode(path, model=str(tiny_package), effort="fast") == want


@pytest.mark.parametrize("suffix", ROW_FORMATS)
def test_rows_are_written_and_read_back(tmp_path: Path, suffix: str, photo: Callable[[int, int], np.ndarray]) -> None:
    pixels, path = photo(600, 700), tmp_path / f"a{suffix}"

    def strips() -> Iterator[np.ndarray]:
        yield from (pixels[:512], pixels[512:])

    try:
        write_rows(path, suffix, Size(600, 700), strips(), None)
    except UnsupportedError as exc:
        pytest.skip(str(exc))
    if suffix == ".zarr":
        import zarr

        got = np.asarray(zarr.open_array(path, mode="r")[:])
    else:
        with Image.open(path) as image:
            got = np.asarray(image)
    assert np.array_equal(got, pixels)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row by row; use \.tif"):
        write_rows(tmp_path / "a.jpg", ".jpg", Size(1, 1), iter(()), None)

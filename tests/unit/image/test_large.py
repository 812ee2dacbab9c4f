"""Pictures a few rows at a time give the same bytes and pixels as pictures in memory."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import codec
from codec.arrays import pad
from codec.encoding import encoder
from codec.errors import InputError
from codec.geometry import Size
from codec.image.metadata import Carried, stored_exif
from codec.image.picture import load
from codec.image.rows_in import ArrayRows, VipsRows
from codec.image.rows_out import RowFile, can_write_rows, rows_of, write_rows
from codec.tiling.downscale import downscaled_strips
from tests.pictures import adobe_like, with_maker


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1009 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(1, 90), st.integers(1, 300), st.sampled_from([1, 2, 4, 8, 16, 32]), st.integers(1, 9))
def test_strips_of_the_lr_are_the_downscale_of_the_whole(width: int, height: int, scale: int, strip: int) -> None:
    pixels = 64 + noise(width, height) // 2  # no overshoot is clipped between Pillow's two passes
    whole = pad(pixels, -height % scale, -width % scale)
    size = (whole.shape[1] // scale, whole.shape[0] // scale)
    want = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BICUBIC))
    got = np.concatenate([s.lr for s in downscaled_strips(ArrayRows(pixels), scale, strip)])
    assert got.shape == want.shape
    # Pillow chooses the order of its two passes, and so the rounding between them, by the shape of what it gets
    assert np.abs(got.astype(int) - want).max() <= 2
    assert np.mean(got != want) < 0.6


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


def big_jpeg(path: Path, **options: Any) -> np.ndarray:
    pixels = np.asarray(Image.fromarray(noise(9, 6)).resize((90, 60)))
    Image.fromarray(pixels).save(path, quality=95, **options)
    return pixels


def test_an_oriented_picture_is_read_upright(tmp_path: Path) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    big_jpeg(tmp_path / "a.jpg", exif=exif.tobytes())
    rows, memory = VipsRows(tmp_path / "a.jpg"), load(tmp_path / "a.jpg")
    assert rows.size == Size(60, 90)
    got = np.concatenate([rows.read(50), rows.read(50)])
    assert np.abs(got.astype(int) - memory.pixels).mean() < 1
    kept = Image.Exif()
    kept.load(rows.exif or b"")
    assert dict(kept) == {0x010F: "Maker"}


def test_metadata_is_read_as_in_memory(tmp_path: Path) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    big_jpeg(tmp_path / "a.jpg", exif=exif.tobytes(), xmp=b"<x:xmpmeta/>", icc_profile=adobe_like())
    rows, memory = VipsRows(tmp_path / "a.jpg"), load(tmp_path / "a.jpg")
    assert (rows.icc, rows.xmp) == (memory.icc, memory.xmp) == (adobe_like(), b"<x:xmpmeta/>")
    assert rows.exif is not None
    assert memory.exif is not None


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyvips", reason="pyvips is not installed")
    for name in ("a.jpg", "a.png"):
        Image.fromarray(noise(300, 300)).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError):
            read_all(tmp_path / name)


def read_all(path: Path) -> None:
    rows = VipsRows(path)
    while rows.read(64).size:
        pass


@given(st.lists(st.integers(0, 40), max_size=9), st.integers(1, 50))
def test_rows_are_dealt_out_anew(heights: list[int], height: int) -> None:
    pixels = noise(3, sum(heights) + 1)[:-1]
    cuts = np.cumsum([0, *heights])
    strips = [pixels[a:b] for a, b in pairwise(cuts)]
    got = list(rows_of(strips, height))
    assert all(strip.shape[0] == height for strip in got[:-1])
    assert np.array_equal(np.concatenate([pixels[:0], *got]), pixels)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".zarr"])
@pytest.mark.parametrize("cut", [512, 1, 333])
def test_rows_are_written_and_read_back(
    tmp_path: Path, suffix: str, cut: int, photo: Callable[[int, int], np.ndarray]
) -> None:
    if not can_write_rows(suffix):
        pytest.skip(f"the package that writes {suffix} is not installed")
    pixels, path = photo(600, 700), tmp_path / f"a{suffix}"
    exif = stored_exif(with_maker()) or b""
    metadata = Carried(icc=adobe_like(), exif=exif, xmp=b"<x:xmpmeta/>")
    file = RowFile(path=path, suffix=suffix, size=Size(600, 700), metadata=metadata)
    lost = write_rows(file, iter((pixels[:cut], pixels[cut:])))
    if suffix == ".zarr":
        import zarr

        assert np.array_equal(np.asarray(zarr.open_array(path, mode="r")[:]), pixels)
        assert lost == (".zarr written row by row does not keep icc, exif",)
        assert zarr.open_array(path, mode="r").attrs["xmp"] == "<x:xmpmeta/>"
        return
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert image.info["icc_profile"] == adobe_like()
        assert image.info["xmp"] == b"<x:xmpmeta/>"
        assert image.getexif().get(0x010F) == ("Maker" if suffix == ".png" else None)
    assert lost == (() if suffix == ".png" else (".tif written row by row does not keep EXIF",))


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row by row; use \.tif"):
        write_rows(RowFile(path=tmp_path / "a.jpg", suffix=".jpg", size=Size(1, 1), metadata=Carried()), iter(()))


def test_bigtiff_and_broken_exif(tmp_path: Path) -> None:
    """Pillow cannot read the EXIF block that it makes of a BigTIFF; a block that is no EXIF is left out."""
    pyvips = pytest.importorskip("pyvips", reason="pyvips is not installed")
    image = pyvips.Image.new_from_array(noise(40, 30))
    image.tiffsave(str(tmp_path / "big.tif"), bigtiff=True)
    assert np.array_equal(load(tmp_path / "big.tif").pixels, noise(40, 30))
    Image.fromarray(noise(40, 30)).save(tmp_path / "broken.png", exif=b"II")
    rows, picture = VipsRows(tmp_path / "broken.png"), load(tmp_path / "broken.png")
    assert rows.exif is None
    assert picture.exif is None
    assert np.array_equal(picture.pixels, rows.read(30))
    with pytest.raises(ValueError, match="not readable as EXIF"):
        stored_exif(b"Exif\0\0II")

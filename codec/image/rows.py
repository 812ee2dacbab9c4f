"""Large pictures a few rows at a time: sources that are read from top to bottom, files that are written so."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from codec.errors import InputError, UnsupportedError
from codec.geometry import Size

PixelArray = npt.NDArray[np.uint8]

#: Endings that `write_rows` knows.
ROW_FORMATS = (".tif", ".tiff", ".png", ".zarr")
_TILE = 256


class RowSource(Protocol):
    """A picture whose rows come in order.

    Attributes:
        size: in pixels.
        icc: ICC profile, None = sRGB.
    """

    size: Size
    icc: bytes | None

    def read(self, count: int) -> PixelArray:
        """The next `count` rows, uint8 [count, W, 3]; fewer at the end, none after it."""


class VipsRows:
    """Rows of any file that libvips reads without holding it: TIFF, BigTIFF, PNG, JPEG and more.

    Raises:
        UnsupportedError: pyvips is not installed.
        InputError: not a picture, or of a kind that has to be converted first.
    """

    def __init__(self, path: Path) -> None:
        vips = _extra("pyvips")
        try:
            image = vips.Image.new_from_file(str(path), access="sequential")
            if image.hasalpha():
                raise InputError(f"{path}: pictures this large are coded without alpha; flatten it first")
            if image.interpretation not in {"srgb", "rgb", "b-w", "rgb16", "grey16"}:
                raise InputError(f"{path}: colour space {image.interpretation} has to be converted to RGB first")
            if image.format == "ushort":
                image = image >> 8
            image = image.cast("uchar")
            self._image = image.bandjoin([image, image]) if image.bands == 1 else image
        except vips.Error as exc:
            raise InputError(f"{path}: not a picture that libvips can read ({str(exc).splitlines()[0]})") from exc
        self._region = vips.Region.new(self._image)
        self.size = Size(self._image.width, self._image.height)
        fields = self._image.get_fields()
        self.icc: bytes | None = self._image.get("icc-profile-data") if "icc-profile-data" in fields else None
        self._at = 0

    def read(self, count: int) -> PixelArray:
        """See `RowSource.read`."""
        count = min(count, self.size.height - self._at)
        if count <= 0:
            return np.empty((0, self.size.width, 3), np.uint8)
        # a region reads on where it stopped; a crop would start its pipeline anew and read ahead
        strip = self._region.fetch(0, self._at, self.size.width, count)
        self._at += count
        return np.frombuffer(strip, np.uint8).reshape(count, self.size.width, 3)


class ArrayRows:
    """Rows of an array in memory, uint8 [H, W, 3]."""

    def __init__(self, pixels: PixelArray, icc: bytes | None = None) -> None:
        self.size = Size(pixels.shape[1], pixels.shape[0])
        self.icc = icc
        self._pixels = pixels
        self._at = 0

    def read(self, count: int) -> PixelArray:
        """See `RowSource.read`."""
        rows = self._pixels[self._at : self._at + count]
        self._at += len(rows)
        return rows


def write_rows(path: Path, suffix: str, size: Size, strips: Iterator[PixelArray], icc: bytes | None) -> None:
    """Write a picture from strips of whole rows, top to bottom, without holding it.

    Args:
        path: file to write; a folder for .zarr.
        suffix: one of `ROW_FORMATS`: the format, whatever `path` ends in.
        size: in pixels.
        strips: uint8 [n, W, 3]; all but the last of a height that is a multiple of 256.
        icc: ICC profile to embed; .zarr has no place for one.

    Raises:
        UnsupportedError: the package that writes this format is not installed.
        InputError: no such format.
    """
    writers = {".tif": _write_tiff, ".tiff": _write_tiff, ".png": _write_png, ".zarr": _write_zarr}
    if suffix not in writers:
        raise InputError(f"cannot write {suffix!r} row by row; use {', '.join(ROW_FORMATS)}")
    writers[suffix](path, size, strips, icc)


def _write_tiff(path: Path, size: Size, strips: Iterator[PixelArray], icc: bytes | None) -> None:
    tifffile = _extra("tifffile")

    def tiles() -> Iterator[PixelArray]:
        for strip in strips:
            for y in range(0, strip.shape[0], _TILE):
                for x in range(0, size.width, _TILE):
                    yield strip[y : y + _TILE, x : x + _TILE]

    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        tiff.write(
            tiles(), shape=(size.height, size.width, 3), dtype=np.uint8, tile=(_TILE, _TILE), photometric="rgb",
            compression="zlib", predictor=True, iccprofile=icc, metadata=None,
        )  # fmt: skip


def _write_png(path: Path, size: Size, strips: Iterator[PixelArray], icc: bytes | None) -> None:
    png = _extra("png")
    options: dict[str, Any] = {} if icc is None else {"icc_profile": ("icc", icc)}
    writer = png.Writer(width=size.width, height=size.height, greyscale=False, compression=3, **options)
    rows = (row for strip in strips for row in strip.reshape(strip.shape[0], -1))
    handle: IO[bytes]
    with path.open("wb") as handle:
        writer.write(handle, rows)


def _write_zarr(path: Path, size: Size, strips: Iterator[PixelArray], icc: bytes | None) -> None:
    zarr = _extra("zarr")
    chunks = (min(1024, size.height), min(1024, size.width), 3)
    array = zarr.create_array(path, shape=(size.height, size.width, 3), chunks=chunks, dtype="uint8")
    at = 0
    for strip in strips:
        array[at : at + strip.shape[0]] = strip
        at += strip.shape[0]


def _extra(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise UnsupportedError(f"large pictures need the package {name}: pip install 'tadmc[large]' ({exc})") from exc

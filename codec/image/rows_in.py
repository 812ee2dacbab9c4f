"""Large photographs a few rows at a time, from top to bottom."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.geometry import Size
from codec.image.metadata import stored_exif
from codec.optional import need


class RowSource(Protocol):
    """A picture whose rows come in order.

    Attributes:
        size: in pixels.
    """

    size: Size

    def read(self, count: int) -> PixelArray:
        """The next `count` rows, uint8 [count, W, 3]; fewer at the end, none after it.

        Raises:
            InputError: the file is damaged there.
        """


class ArrayRows:
    """Rows of an array in memory, uint8 [H, W, 3]."""

    def __init__(self, pixels: PixelArray) -> None:
        self.size = Size(pixels.shape[1], pixels.shape[0])
        self._pixels = pixels
        self._at = 0

    def read(self, count: int) -> PixelArray:
        """See `RowSource.read`."""
        rows = self._pixels[self._at : self._at + count]
        self._at += len(rows)
        return rows


class VipsRows:
    """Rows of any file that libvips reads without holding it: TIFF, BigTIFF, PNG, JPEG and more.

    Attributes:
        size: in pixels, upright.
        icc, exif, xmp: as in `codec.image.picture.Picture`.
        notes: what is converted on the way in, in words.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            UnsupportedError: pyvips is not installed.
            InputError: not a picture, or of a kind that has to be converted first.
        """
        self._vips, self._path = need("pyvips", "large", "large pictures"), path
        notes = []
        try:
            image = self._upright()
            if image.hasalpha():
                raise InputError(f"{path}: pictures this large are coded without alpha; flatten it first")
            if image.interpretation not in {"srgb", "rgb", "b-w", "rgb16", "grey16"}:
                raise InputError(f"{path}: colour space {image.interpretation} has to be converted to RGB first")
            if image.format not in {"uchar", "ushort"}:
                raise InputError(f"{path}: samples are {image.format}; convert them to 8 or 16 bits first")
            if image.format == "ushort":
                notes.append("16 bits a sample reduced to 8")
            self._gray = image.bands == 1
            self._region = self._vips.Region.new(image)
            kept = {name: bytes(image.get(name)) for name in image.get_fields() if name.endswith("-data")}
        except self._vips.Error as exc:
            raise InputError(f"{path}: not a picture that libvips can read ({_first_line(exc)})") from exc
        self.size = Size(image.width, image.height)
        # a gray profile describes gray values, which are gone
        self.icc = None if self._gray else kept.get("icc-profile-data")
        self.exif = None
        if "exif-data" in kept:
            try:
                self.exif = stored_exif(kept["exif-data"])
            except ValueError as exc:
                notes.append(f"EXIF left out: {exc}")
        self.xmp = kept.get("xmp-data")
        self.notes = tuple(notes)
        self._dtype = np.dtype(np.uint8 if image.format == "uchar" else np.uint16)
        self._at = 0

    def read(self, count: int) -> PixelArray:
        """See `RowSource.read`."""
        count = min(count, self.size.height - self._at)
        if count <= 0:
            return np.empty((0, self.size.width, 3), np.uint8)
        try:
            # a region reads on where it stopped; a crop would start its pipeline anew and read ahead
            strip = self._region.fetch(0, self._at, self.size.width, count)
        except self._vips.Error as exc:
            raise InputError(f"{self._path}: damaged after row {self._at} ({_first_line(exc)})") from exc
        self._at += count
        rows = np.frombuffer(strip, self._dtype).reshape(count, self.size.width, -1)
        if self._dtype == np.uint16:
            rows = ((rows.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(rows, 3, 2) if self._gray else rows

    def _upright(self) -> Any:  # noqa: ANN401 - pyvips is untyped
        image = self._vips.Image.new_from_file(str(self._path), access="sequential", fail_on="truncated")
        if "orientation" in image.get_fields() and image.get("orientation") != 1:
            # turning needs the rows in another order; libvips then decodes to a temporary file
            return self._vips.Image.new_from_file(str(self._path), fail_on="truncated").autorot()
        return image


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0]

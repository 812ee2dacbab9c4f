"""Large pictures written from strips of whole rows, without holding them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.geometry import Size
from codec.image.metadata import Carried
from codec.optional import has, need

_TILE = 256
#: Rows that one PNG data chunk is filtered and compressed from at a time.
_PNG_ROWS = 64
_TIFF_XMP = 700
#: Ending -> package that writes it, None = none needed.
_NEEDS = {".tif": "tifffile", ".tiff": "tifffile", ".png": None, ".zarr": "zarr"}


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """A picture file to be written.

    Attributes:
        path: the file; a folder for .zarr.
        suffix: ".tif", ".tiff", ".png" or ".zarr": the format, whatever `path` ends in.
        size: in pixels.
        metadata: to embed.
    """

    path: Path
    suffix: str
    size: Size
    metadata: Carried


def can_write_rows(suffix: str) -> bool:
    """Whether this installation writes files of this ending row by row."""
    return suffix in _NEEDS and (_NEEDS[suffix] is None or has(_NEEDS[suffix] or ""))


def write_rows(file: RowFile, strips: Iterable[PixelArray]) -> tuple[str, ...]:
    """Write a picture, top to bottom.

    Args:
        file: what and where.
        strips: uint8 [n, W, 3], together all rows.

    Returns:
        What the format could not hold, in words.

    Raises:
        UnsupportedError: the package that writes this format is not installed.
        InputError: no such format.
    """
    writers = {".tif": _write_tiff, ".tiff": _write_tiff, ".png": _write_png, ".zarr": _write_zarr}
    if file.suffix not in writers:
        raise InputError(f"cannot write {file.suffix!r} row by row; use {', '.join(_NEEDS)}")
    lost = writers[file.suffix](file, strips)
    return (f"{file.suffix} written row by row does not keep {', '.join(lost)}",) if lost else ()


def _write_tiff(file: RowFile, strips: Iterable[PixelArray]) -> list[str]:
    tifffile = need("tifffile", "large", "large pictures")
    width = file.size.width
    tiles = (strip[:, x : x + _TILE] for strip in rows_of(strips, _TILE) for x in range(0, width, _TILE))
    tags = [] if file.metadata.xmp is None else [(_TIFF_XMP, "B", len(file.metadata.xmp), file.metadata.xmp, True)]
    with tifffile.TiffWriter(file.path, bigtiff=True) as tiff:
        tiff.write(
            tiles, shape=(file.size.height, width, 3), dtype=np.uint8, tile=(_TILE, _TILE), photometric="rgb",
            compression="zlib", predictor=True, iccprofile=file.metadata.icc, extratags=tags, metadata=None,
        )  # fmt: skip
    return [] if file.metadata.exif is None else ["EXIF"]


def _write_png(file: RowFile, strips: Iterable[PixelArray]) -> list[str]:
    """8-bit RGB, every row filtered by the one above: what libraries offer holds the picture or takes no metadata."""
    squeeze = zlib.compressobj(3)
    above = np.zeros((1, file.size.width, 3), np.uint8)
    with file.path.open("wb") as out:

        def chunk(kind: bytes, data: bytes) -> None:
            body = kind + data
            out.write(struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body)))

        out.write(b"\x89PNG\r\n\x1a\n")
        chunk(b"IHDR", struct.pack(">IIBBBBB", file.size.width, file.size.height, 8, 2, 0, 0, 0))
        if file.metadata.icc is not None:
            chunk(b"iCCP", b"icc\0\0" + zlib.compress(file.metadata.icc))
        if file.metadata.exif is not None:
            chunk(b"eXIf", file.metadata.exif)
        if file.metadata.xmp is not None:
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + file.metadata.xmp)
        for strip in rows_of(strips, _PNG_ROWS):
            up = strip - np.concatenate([above, strip[:-1]])
            above = strip[-1:]
            rows = np.full((strip.shape[0], 1 + 3 * file.size.width), 2, np.uint8)
            rows[:, 1:] = up.reshape(strip.shape[0], -1)
            chunk(b"IDAT", squeeze.compress(rows.tobytes()))
        chunk(b"IDAT", squeeze.flush())
        chunk(b"IEND", b"")
    return []


def _write_zarr(file: RowFile, strips: Iterable[PixelArray]) -> list[str]:
    zarr = need("zarr", "large", "large pictures")
    chunks = (min(1024, file.size.height), min(1024, file.size.width), 3)
    array = zarr.create_array(file.path, shape=(file.size.height, file.size.width, 3), chunks=chunks, dtype="uint8")
    at = 0
    for strip in rows_of(strips, chunks[0]):
        array[at : at + strip.shape[0]] = strip
        at += strip.shape[0]
    if file.metadata.xmp is not None:
        array.attrs["xmp"] = file.metadata.xmp.decode("utf-8", "replace")
    return [name for name in ("icc", "exif") if getattr(file.metadata, name) is not None]


def rows_of(strips: Iterable[PixelArray], height: int) -> Iterator[PixelArray]:
    """The same rows in strips of `height`; the last one may be lower."""
    held: list[PixelArray] = []
    count = 0
    for strip in strips:
        held.append(strip)
        count += strip.shape[0]
        if count < height:
            continue
        joined = np.concatenate(held) if len(held) > 1 else held[0]
        whole = count // height * height
        for y in range(0, whole, height):
            yield joined[y : y + height]
        count -= whole
        held = [joined[whole:]] if count else []
    if count:
        yield np.concatenate(held)

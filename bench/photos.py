"""Photographs to measure on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from bench.errors import BenchError

PixelArray = npt.NDArray[np.uint8]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Photo:
    """One photograph.

    Attributes:
        name: file name without its ending; the key under which everything about it is stored.
        pixels: HR, uint8 [H, W, 3].
    """

    name: str
    pixels: PixelArray

    @property
    def width(self) -> int:
        """HR width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """HR height in pixels."""
        return int(self.pixels.shape[0])

    def bpp(self, size: int) -> float:
        """Bits per HR pixel of a file of `size` bytes."""
        return 8 * size / (self.width * self.height)


def list_photos(folder: Path, limit: int | None = None) -> list[Path]:
    """Pictures of a folder by name, the first `limit` of them; a picture itself is a list of one.

    Raises:
        BenchError: there is none, or two have the same name before the ending.
    """
    if folder.is_file():
        return [folder]
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
    if not found:
        raise BenchError(f"{folder}: no photographs ({', '.join(sorted(_SUFFIXES))})")
    names = [p.stem for p in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BenchError(f"{folder}: more than one picture is named {', '.join(twice)}")
    return found[:limit]


def read_photo(path: Path) -> Photo:
    """Load one picture upright, as 8-bit RGB.

    Raises:
        BenchError: it is not a picture.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except OSError as exc:
        raise BenchError(f"{path}: not a readable picture ({exc})") from exc
    return Photo(path.stem, np.array(upright))


def digest(pixels: PixelArray) -> str:
    """First 16 hexadecimal digits of SHA-256 over shape and samples: names a picture whatever file it came in."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]

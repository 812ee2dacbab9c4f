"""HEIC as phones write it: HEVC, 4:2:0."""

from __future__ import annotations

import io
from importlib import import_module, metadata
from typing import Any

import numpy as np
from PIL import Image

from bench.codecs.base import Codec, Decoded, Expected
from bench.errors import CodecError, MissingError
from bench.photos import Photo


class Heic(Codec):
    """x265 and libde265 through libheif and pillow-heif; quality 0..100."""

    name = "heic"
    title = "HEIC"
    family = "heic"
    suffix = ".heic"
    settings = tuple(range(100))

    def __init__(self) -> None:
        try:
            self._heif: Any = import_module("pillow_heif")
        except ImportError as exc:
            raise MissingError("heic: pip install pillow-heif") from exc
        self._info = self._heif.libheif_info()
        if "HEVC" not in str(self._info.get("HEIF", "")):
            raise MissingError("heic: this libheif has no HEVC encoder; pip install pillow-heif (its wheels have x265)")

    def version(self) -> str:
        return f"pillow-heif {metadata.version('pillow-heif')}, libheif {self._info['libheif']}, {self._info['HEIF']}"

    def encode(self, photo: Photo, setting: int) -> bytes:
        buffer = io.BytesIO()
        try:
            self._heif.from_pillow(Image.fromarray(photo.pixels)).save(buffer, quality=setting, chroma="420")
        except (OSError, ValueError, RuntimeError) as exc:
            raise CodecError(f"heic at {setting}: {photo.name} cannot be encoded ({exc})") from exc
        return buffer.getvalue()

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        try:
            image = self._heif.open_heif(io.BytesIO(data)).to_pillow()
            return Decoded(np.array(image.convert("RGB")))
        except (OSError, ValueError, RuntimeError) as exc:
            raise CodecError(f"heic: {len(data)} bytes do not decode ({exc})") from exc

"""Codecs that Pillow itself reads and writes: JPEG, WebP, AVIF, lossless PNG share everything but their parameters."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from bench.codecs.base import Codec, Decoded, Expected
from bench.errors import CodecError, MissingError
from bench.photos import Photo, PixelArray


class PillowCodec(Codec):
    """A format of Pillow.

    Attributes:
        format: Pillow's name of it.
        feature: name of the library in `PIL.features`; None = always there.
    """

    format: ClassVar[str]
    feature: ClassVar[str | None] = None

    def __init__(self) -> None:
        if self.feature is not None and not features.check(self.feature):
            raise MissingError(
                f"{self.name}: this Pillow has no {self.feature}; pip install 'pillow>=12' (wheels have it)"
            )

    def version(self) -> str:
        library = "" if self.feature is None else f", {self.feature} {features.version(self.feature)}"
        return f"Pillow {pillow_version}{library}"

    @abstractmethod
    def parameters(self, setting: int) -> dict[str, Any]:
        """Keyword arguments of `Image.save`."""

    def encode(self, photo: Photo, setting: int) -> bytes:
        buffer = io.BytesIO()
        try:
            Image.fromarray(photo.pixels).save(buffer, self.format, **self.parameters(setting))
        except (OSError, ValueError) as exc:
            raise CodecError(f"{self.name} at {setting}: {photo.name} cannot be encoded ({exc})") from exc
        return buffer.getvalue()

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        return Decoded(read_with_pillow(data, self.format, self.name))


def read_with_pillow(data: bytes, kind: str, name: str) -> PixelArray:
    """Bytes of one format -> uint8 [H, W, 3].

    Raises:
        CodecError: they do not decode.
    """
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as exc:
        raise CodecError(f"{name}: {len(data)} bytes do not decode ({exc})") from exc

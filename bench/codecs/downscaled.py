"""Any codec on a smaller picture: bicubic down, codec, bicubic up. The honest way to spend few bits on a peer."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bench.codecs.base import Codec, Decoded, Expected
from bench.photos import Photo, PixelArray


class Downscaled(Codec):
    """A codec that sees the picture downscaled; its decoder is told the HR size for nothing."""

    def __init__(self, inner: Codec, scale: int) -> None:
        self._inner = inner
        self.scale = scale
        self.name = f"{inner.name}/{scale}"
        self.title = f"{inner.title} at 1/{scale}"
        self.family = inner.family
        self.settings = inner.settings

    @property
    def suffix(self) -> str:  # type: ignore[override]  # the inner codec decides
        """Ending of the files."""
        return self._inner.suffix

    def version(self) -> str:
        return self._inner.version()

    def encode(self, photo: Photo, setting: int) -> bytes:
        return self._inner.encode(Photo(photo.name, downscale(photo.pixels, self.scale)), setting)

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        return Decoded(upscale(self.small(data, expected), expected.width, expected.height))

    def small(self, data: bytes, expected: Expected) -> PixelArray:
        """The picture as it was coded, not enlarged."""
        return self._inner.decode(data, expected).pixels


def downscale(pixels: PixelArray, scale: int) -> PixelArray:
    """Antialiased bicubic (Keys, a = -0.5), uint8 [H, W, 3] -> [ceil(H/scale), ceil(W/scale), 3]."""
    height, width = pixels.shape[:2]
    size = (-(-width // scale), -(-height // scale))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def upscale(pixels: PixelArray, width: int, height: int) -> PixelArray:
    """Bicubic (Keys, a = -0.5) to a given size, uint8 [height, width, 3]."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))

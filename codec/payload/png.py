"""PNG: the lossless payload, and the papers' own form."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image

from codec.arrays import PixelArray
from codec.codings import Coding
from codec.errors import FormatError
from codec.payload.opening import open_pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Gray, RGB, palette.
_COLOUR_TYPES = (0, 2, 3)
_LEVEL = {"fast": 1, "default": 4, "best": 6}


class PngPayload:
    """LR uint8 <-> an ordinary PNG file; any viewer opens the payload as it is."""

    coding = Coding.PNG
    suffix = ".png"

    def encode(self, lr: PixelArray, *, quality: int = 100, effort: str = "default", chroma: str = "auto") -> bytes:
        """Uint8 [h, w, 3] -> PNG; oxipng searches filters, colour types and deflate. `quality` has no effect."""
        import oxipng  # here, so that reading a file does not load it

        buffer = io.BytesIO()
        Image.fromarray(lr).save(buffer, "PNG", compress_level=1)
        options: dict[str, Any] = {"level": _LEVEL[effort], "strip": oxipng.StripChunks.all()}
        if effort == "best":
            options["deflate"] = oxipng.Deflaters.zopfli(15)
        data: bytes = oxipng.optimize_from_memory(buffer.getvalue(), **options)
        return data

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """LR picture, uint8 [height, width, 3].

        Raises:
            FormatError: not a PNG of at most 8 bits without transparency, broken, or of another size.
        """
        # looked at before anything is allocated
        if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
            raise FormatError(f"png payload: {len(data)} bytes do not begin as a PNG file does")
        stated = struct.unpack_from(">IIBB", data, 16)
        if stated[:2] != (width, height):
            raise FormatError(f"png payload: picture is {stated[0]}x{stated[1]}, the header says {width}x{height}")
        if stated[2] > 8 or stated[3] not in _COLOUR_TYPES:
            raise FormatError(
                f"png payload: {stated[2]} bits, colour type {stated[3]}; expected at most 8 bits, 0, 2 or 3"
            )
        return open_pixels(data, "PNG", name=self.coding.label, width=width, height=height)

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload itself: it is a PNG file."""
        return data

"""PNG: the lossless payload, and the papers' own form."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from codec.errors import FormatError
from codec.payload.base import PixelArray

_LEVEL = {"fast": 1, "default": 4, "best": 6}


class PngPayload:
    """LR uint8 <-> an ordinary PNG file; any viewer opens the payload as it is."""

    name = "png"
    lossless = True
    file_format = "PNG"

    def encode(self, lr: PixelArray, *, quality: int = 100, effort: str = "default") -> bytes:
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
            FormatError: not a PNG, broken, or of another size.
        """
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                # looked at before the pixels are, so that nothing is allocated for another size
                if image.size != (width, height):
                    raise FormatError(
                        f"png payload: picture is {image.size[0]}x{image.size[1]}, the header says {width}x{height}"
                    )
                return np.asarray(image.convert("RGB"))
        except FormatError:
            raise
        except Exception as exc:  # Pillow reports broken data in many exception types
            raise FormatError(f"png payload: {len(data)} bytes do not decode ({exc})") from exc

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload itself: it is a PNG file."""
        return data

"""PNG: the lossless payload, and the papers' own form."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from codec.errors import FormatError
from codec.payload.base import PixelArray


class PngPayload:
    """LR uint8 <-> an ordinary PNG file; any viewer opens the payload as it is."""

    name = "png"
    lossless = True

    def encode(self, lr: PixelArray, *, quality: int = 100, effort: str = "default") -> bytes:
        """The smallest of Pillow's ways to write this picture; uint8 [h, w, 3] -> PNG. `quality` has no effect."""
        image = Image.fromarray(lr)
        gray = bool((lr[..., 0] == lr[..., 1]).all() and (lr[..., 1] == lr[..., 2]).all())
        forms = [image.convert("L")] if gray else [image]
        if effort != "fast" and not gray and image.getcolors(256) is not None:
            forms.append(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256))
        files = []
        for form in forms:
            buffer = io.BytesIO()
            form.save(buffer, "PNG", optimize=True)
            if np.array_equal(np.asarray(form.convert("RGB")), lr):
                files.append(buffer.getvalue())
        return min(files, key=len)

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """LR picture, uint8 [height, width, 3].

        Raises:
            FormatError: not a PNG, broken, or of another size.
        """
        return decode_png(data, width=width, height=height, mode="RGB")


def decode_png(data: bytes, *, width: int, height: int, mode: str) -> PixelArray:
    """Decode a PNG whose size is known beforehand; nothing is allocated if its header says another.

    Args:
        data: PNG file.
        width: expected width in pixels.
        height: expected height in pixels.
        mode: "RGB" or "L" to convert to.

    Raises:
        FormatError: not a PNG, broken, or of another size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):
                raise FormatError(
                    f"png payload: picture is {image.size[0]}x{image.size[1]}, the header says {width}x{height}"
                )
            return np.asarray(image.convert(mode))
    except FormatError:
        raise
    except Exception as exc:  # Pillow reports broken data in many exception types
        raise FormatError(f"png payload: {len(data)} bytes do not decode ({exc})") from exc

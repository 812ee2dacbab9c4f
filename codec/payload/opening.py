"""Pillow as the decoder of payloads: broken data is one kind of error, and the size is what the header says."""

from __future__ import annotations

import io

import numpy as np
from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401 - registers them, or `open` loads every format

from codec.arrays import PixelArray
from codec.errors import FormatError


def open_pixels(file: bytes, kind: str, *, name: str, width: int, height: int) -> PixelArray:
    """Decode a picture file of one kind, uint8 [height, width, 3].

    Args:
        file: the whole file.
        kind: Pillow's name of the only format to try.
        name: of the payload, for the message.
        width: expected width in pixels.
        height: expected height in pixels.

    Raises:
        FormatError: it does not decode, is transparent or animated, or has another size.
    """
    try:
        with Image.open(io.BytesIO(file), formats=[kind]) as image:
            if "transparency" in image.info or getattr(image, "n_frames", 1) > 1:
                raise ValueError("transparent or animated")
            pixels = np.asarray(image.convert("RGB"))
    except BaseException as exc:  # Pillow reports broken data in many types; the panics of a plugin are no Exceptions
        if isinstance(exc, KeyboardInterrupt | SystemExit):
            raise
        reason = str(exc).partition("\n")[0]
        raise FormatError(f"{name} payload: {len(file)} bytes do not decode ({reason})") from exc
    if pixels.shape != (height, width, 3):
        raise FormatError(f"{name} payload: decoded to {pixels.shape}, expected {(height, width, 3)}")
    return pixels

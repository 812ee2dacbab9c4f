"""The alpha channel: payloads like the LR's, of the full size, whose first channel is the opacity."""

from __future__ import annotations

import numpy as np

from codec.payload.base import PixelArray
from codec.payload.registry import payload_named


def encode_alpha(parts: list[PixelArray], *, quality: int | None, effort: str = "default") -> tuple[str, list[bytes]]:
    """Code an alpha channel, cut into parts.

    Args:
        parts: uint8 [h, w] each, sides of at most 16383.
        quality: 0..99 of a lossy one (AV1); None = lossless, PNG or WebP, whichever is smaller.
        effort: "fast", "default" or "best".

    Returns:
        The payload's name and the bytes of every part.

    Raises:
        UnsupportedError: this Pillow was built without AVIF.
    """
    names = ("png", "webp") if quality is None else ("av1",)
    pictures = [np.repeat(part[..., None], 3, 2) for part in parts]

    def code(name: str) -> list[bytes]:
        payload = payload_named(name)
        how = 100 if quality is None else quality
        return [payload.encode(picture, quality=how, effort=effort) for picture in pictures]

    coded = [(name, code(name)) for name in names]
    return min(coded, key=lambda pair: sum(map(len, pair[1])))


def decode_alpha(name: str, data: bytes, *, width: int, height: int) -> PixelArray:
    """One part, uint8 [height, width].

    Raises:
        FormatError: the bytes are broken or hold a picture of another size.
        UnsupportedError: a package that reads this payload is not installed.
    """
    return np.ascontiguousarray(payload_named(name).decode(data, width=width, height=height)[..., 0])

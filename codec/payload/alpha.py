"""The alpha channel: payloads like the LR's, of the full size, whose first channel is the opacity."""

from __future__ import annotations

import numpy as np

from codec.arrays import PixelArray
from codec.codings import Coding
from codec.payload.registry import payload_for


def encode_alpha(
    parts: list[PixelArray], *, quality: int | None, effort: str = "default"
) -> tuple[Coding, tuple[bytes, ...]]:  # fmt: skip
    """Code an alpha channel, cut into parts.

    Args:
        parts: uint8 [h, w] each, sides of at most 16383.
        quality: 0..99 of a lossy one (AV1); None = lossless, PNG or WebP, whichever is smaller.
        effort: "fast", "default" or "best".

    Returns:
        The coding and the bytes of every part.

    Raises:
        UnsupportedError: this Pillow was built without AVIF.
    """
    choices = (Coding.PNG, Coding.WEBP) if quality is None else (Coding.AV1,)
    pictures = [np.repeat(part[..., None], 3, 2) for part in parts]
    how = 100 if quality is None else quality
    coded = [
        (coding, tuple(payload_for(coding).encode(picture, quality=how, effort=effort) for picture in pictures))
        for coding in choices
    ]
    return min(coded, key=lambda pair: sum(map(len, pair[1])))


def decode_alpha(coding: int, data: bytes, *, width: int, height: int) -> PixelArray:
    """One part, uint8 [height, width].

    Raises:
        FormatError: the bytes are broken or hold a picture of another size.
        UnsupportedError: the coding is not known, or a package that reads it is not installed.
    """
    return np.ascontiguousarray(payload_for(coding).decode(data, width=width, height=height)[..., 0])

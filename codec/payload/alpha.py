"""The alpha channel: a payload like the LR's, of the full size, whose first channel is the opacity."""

from __future__ import annotations

import numpy as np

from codec.payload.base import PixelArray
from codec.payload.registry import payload_named
from codec.payload.webp import MAX_SIDE


def encode_alpha(alpha: PixelArray, *, quality: int | None, effort: str = "default") -> tuple[str, bytes]:
    """Code an alpha channel.

    Args:
        alpha: uint8 [H, W].
        quality: 0..99 of a lossy one (AV1); None = lossless, PNG or WebP, whichever is smaller.
        effort: "fast", "default" or "best".

    Returns:
        The payload's name and the bytes.

    Raises:
        UnsupportedError: this Pillow was built without AVIF.
    """
    pixels = np.repeat(alpha[..., None], 3, 2)
    if quality is not None:
        return "av1", payload_named("av1").encode(pixels, quality=quality, effort=effort)
    names = ["png", "webp"] if max(alpha.shape) <= MAX_SIDE else ["png"]
    coded = [(name, payload_named(name).encode(pixels, quality=100, effort=effort)) for name in names]
    return min(coded, key=lambda pair: len(pair[1]))


def decode_alpha(name: str, data: bytes, *, width: int, height: int) -> PixelArray:
    """Undo `encode_alpha`; uint8 [height, width].

    Raises:
        FormatError: the bytes are broken or hold a picture of another size.
        UnsupportedError: a package that reads this payload is not installed.
    """
    return np.ascontiguousarray(payload_named(name).decode(data, width=width, height=height)[..., 0])

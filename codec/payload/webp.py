"""Lossless WebP: what a reader can predict of the file (RIFF boxes, signature, size) is left out."""

from __future__ import annotations

import io
import struct

from PIL import Image

from codec.arrays import PixelArray
from codec.codings import Coding
from codec.errors import FormatError, InputError, UnsupportedError
from codec.payload.opening import open_pixels

#: Largest side in pixels that the VP8L header can express.
MAX_SIDE = 2**14
_SIGNATURE = 0x2F
#: Signature and the four bytes of size, alpha hint and version.
_HEADER_SIZE = 5
_EFFORT = {"fast": 2, "default": 6, "best": 6}


class WebpPayload:
    """LR uint8 <-> the VP8L stream of a lossless WebP file without its first five bytes.

    Meant for a lossless LR that must be small: a few percent below PNG on photographs.
    """

    coding = Coding.WEBP
    suffix = ".webp"

    def encode(self, lr: PixelArray, *, quality: int = 100, effort: str = "default", chroma: str = "auto") -> bytes:
        """Uint8 [h, w, 3] -> VP8L data. `quality` has no effect.

        Raises:
            InputError: a side is longer than WebP can hold.
            UnsupportedError: this libwebp writes another form of file.
        """
        height, width = lr.shape[:2]
        if max(height, width) > MAX_SIDE:
            raise InputError(f"payload webp: the LR is {width}x{height}, WebP ends at {MAX_SIDE} a side; use png")
        buffer = io.BytesIO()
        # for lossless WebP, Pillow's quality is the time spent
        Image.fromarray(lr).save(buffer, "WEBP", lossless=True, quality=100, method=_EFFORT[effort])
        data = _vp8l_of_riff(buffer.getvalue())
        if data[:_HEADER_SIZE] != _header(width, height):
            raise UnsupportedError("payload webp: this libwebp writes another header than the predicted one")
        return data[_HEADER_SIZE:]

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """LR picture, uint8 [height, width, 3].

        Raises:
            FormatError: the payload is broken.
        """
        if max(height, width) > MAX_SIDE:
            raise FormatError(f"webp payload: the LR is {width}x{height}, expected at most {MAX_SIDE} a side")
        file = self.to_file(data, width=width, height=height)
        return open_pixels(file, "WEBP", name=self.coding.label, width=width, height=height)

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload as a WebP file that any viewer opens."""
        body = _header(width, height) + data
        padded = body + b"\0" * (len(body) % 2)
        return b"RIFF" + struct.pack("<I", 12 + len(padded)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + padded


def _header(width: int, height: int) -> bytes:
    """VP8L signature and size: 14 bits of width - 1, 14 of height - 1, no alpha, version 0."""
    return struct.pack("<BI", _SIGNATURE, (width - 1) | (height - 1) << 14)


def _vp8l_of_riff(file: bytes) -> bytes:
    """The body of the only chunk of a simple lossless WebP file."""
    if file[:4] != b"RIFF" or file[8:16] != b"WEBPVP8L":
        raise UnsupportedError("payload webp: this libwebp writes a file of more than one chunk")
    (size,) = struct.unpack_from("<I", file, 16)
    return file[20 : 20 + size]

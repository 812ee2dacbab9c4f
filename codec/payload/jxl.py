"""Lossless JPEG XL: the bare codestream, through the optional package pillow-jxl-plugin."""

from __future__ import annotations

import importlib
import io

from PIL import Image

from codec.arrays import PixelArray
from codec.codings import Coding
from codec.errors import FormatError, UnsupportedError
from codec.payload.opening import open_pixels

_SIGNATURE = b"\xff\x0a"
_EFFORT = {"fast": 3, "default": 7, "best": 9}
# SizeHeader of ISO/IEC 18181-1: bits of a side by its two selector bits; width over height by ratio code.
_SIDE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class JxlPayload:
    """LR uint8 <-> a JPEG XL codestream without its two signature bytes.

    The smallest lossless LR. Files need pillow-jxl-plugin (`pip install tadmc[jxl]`) to be written and to be read.
    """

    coding = Coding.JXL
    suffix = ".jxl"

    def encode(self, lr: PixelArray, *, quality: int = 100, effort: str = "default", chroma: str = "auto") -> bytes:
        """Uint8 [h, w, 3] -> codestream. `quality` has no effect.

        Raises:
            UnsupportedError: pillow-jxl-plugin is not installed, or writes another form of file.
        """
        _plugin()
        buffer = io.BytesIO()
        Image.fromarray(lr).save(buffer, "JXL", lossless=True, effort=_EFFORT[effort], use_container=False)
        data = buffer.getvalue()
        if not data.startswith(_SIGNATURE):
            raise UnsupportedError("payload jxl: this libjxl writes a container instead of a bare codestream")
        return data[2:]

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """LR picture, uint8 [height, width, 3].

        Raises:
            FormatError: the payload is broken or holds a picture of another size.
            UnsupportedError: pillow-jxl-plugin is not installed.
        """
        _plugin()
        # the plugin decodes when it opens, so the size is read from the codestream first
        if (size := codestream_size(data)) != (width, height):
            raise FormatError(f"jxl payload: picture is {size[0]}x{size[1]}, the header says {width}x{height}")
        file = self.to_file(data, width=width, height=height)
        return open_pixels(file, "JXL", name=self.coding.label, width=width, height=height)

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload as a `.jxl` file; `width` and `height` are in it already."""
        return _SIGNATURE + data


def codestream_size(data: bytes) -> tuple[int, int]:
    """Width and height that a codestream without its signature states, unchecked for sense."""
    bits = int.from_bytes(data[:12].ljust(12, b"\0"), "little")
    at = 0

    def take(count: int) -> int:
        nonlocal at
        value = bits >> at & ((1 << count) - 1)
        at += count
        return value

    small = bool(take(1))

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIDE_BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    over, under = _RATIOS[ratio - 1]
    return height * over // under, height


def _plugin() -> None:
    try:
        importlib.import_module("pillow_jxl")
    except ImportError as exc:
        raise UnsupportedError(f"payload jxl: pip install tadmc[jxl] ({exc})") from exc

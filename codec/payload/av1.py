"""AV1 still picture, 8-bit, BT.601 full range: the lossy payload. Only what a reader cannot predict is stored."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, features

from codec.arrays import PixelArray
from codec.codings import Coding
from codec.errors import InputError, UnsupportedError
from codec.payload.av1_header import MAX_SIDE, coded_width, pack, unpack
from codec.payload.avif import avif_of_obus, obus_of_avif
from codec.payload.opening import open_pixels

#: libaom speed by effort. Bytes at equal quality and time, against 2: 3 +1% and three quarters, 4 +3.5% and two
#: fifths, 6 +8% and a fifteenth; 0 takes twice the time for half a percent.
_SPEED = {"fast": 6, "default": 4, "best": 0}
#: LR pixels up to which "default" takes speed 3: half a second.
_SMALL = 100_000
#: Threads a frame. libaom's choices differ between one and several, not between two and more: fixed, so that the same
#: options give the same bytes everywhere.
_THREADS = 2


class Av1Payload:
    """LR uint8 <-> AV1 OBUs through Pillow (libavif); decoding is exact up to one grey level of YUV->RGB rounding."""

    coding = Coding.AV1
    suffix = ".avif"

    def encode(self, lr: PixelArray, *, quality: int, effort: str = "default", chroma: str = "auto") -> bytes:
        """Code an LR picture.

        Args:
            lr: uint8 [h, w, 3].
            quality: 0..99 as in libavif; larger is finer.
            effort: "fast", "default" or "best".
            chroma: "420", "444" or "auto" ("420", see `docs/adr/0004-half-resolution-chroma.md`).

        Returns:
            Flags and the frame, see `codec.payload.av1_header.pack`.

        Raises:
            UnsupportedError: this Pillow was built without AVIF.
            InputError: a side is longer than AV1 can express.
        """
        if not features.check("avif"):
            raise UnsupportedError("payload av1: this Pillow was built without AVIF")
        height, width = lr.shape[:2]
        if max(height, width) > MAX_SIDE:
            raise InputError(f"payload av1: the LR is {width}x{height}, AV1 ends at {MAX_SIDE} a side")
        subsampled = chroma != "444"
        if subsampled and width % 2:
            lr = np.pad(lr, ((0, 0), (0, 1), (0, 0)), mode="edge")
        buffer = io.BytesIO()
        try:
            Image.fromarray(lr).save(
                buffer, "AVIF", quality=quality, speed=_speed(effort, lr.shape[0] * lr.shape[1]), range="full",
                subsampling="4:2:0" if subsampled else "4:4:4",
                codec="aom", max_threads=_THREADS, autotiling=False,
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError) as exc:  # libavif's own limits
            raise InputError(f"payload av1: libavif cannot code an LR of {width}x{height} ({exc})") from exc
        return pack(obus_of_avif(buffer.getvalue()))

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """LR picture, uint8 [height, width, 3], of a payload that `encode` made.

        Raises:
            FormatError: the payload is broken or holds a picture of another size.
            UnsupportedError: this Pillow was built without AVIF.
        """
        if not features.check("avif"):
            raise UnsupportedError("payload av1: this Pillow was built without AVIF")
        file, coded = self.to_file(data, width=width, height=height), coded_width(data, width)
        return open_pixels(file, "AVIF", name=self.coding.label, width=coded, height=height)[:, :width]

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload in the boxes of an AVIF file; a 4:2:0 picture of odd width has a column more in it.

        Raises:
            FormatError: the payload cannot be one.
        """
        return avif_of_obus(unpack(data, coded_width(data, width), height))


def _speed(effort: str, pixels: int) -> int:
    return 3 if effort == "default" and pixels <= _SMALL else _SPEED[effort]

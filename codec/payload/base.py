"""What every payload codec offers: the LR picture as uint8 pixels <-> bytes."""

from __future__ import annotations

from typing import Protocol

from codec.arrays import PixelArray
from codec.codings import Coding


class PayloadCodec(Protocol):
    """One way to code the LR picture.

    Attributes:
        coding: its number in the format; decode(encode(lr)) == lr for every lr if that is lossless, and quality is then
            always 100.
        suffix: how the names of the files end that `to_file` gives.
    """

    coding: Coding
    suffix: str

    def encode(self, lr: PixelArray, *, quality: int, effort: str = "default", chroma: str = "auto") -> bytes:
        """uint8 [h, w, 3] -> bytes."""

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """Bytes -> uint8 [height, width, 3].

        Raises:
            FormatError: the bytes are broken or hold a picture of another size.
            UnsupportedError: a package that reads this payload is not installed.
        """

    def to_file(self, data: bytes, *, width: int, height: int) -> bytes:
        """The payload as a picture file that any viewer opens.

        Raises:
            FormatError: the payload cannot be one.
        """

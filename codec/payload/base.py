"""What every payload codec offers: the LR picture as uint8 pixels <-> bytes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

PixelArray = npt.NDArray[np.uint8]


class PayloadCodec(Protocol):
    """One way to code the LR picture.

    Attributes:
        name: what users and `--payload` call it.
        lossless: whether decode(encode(lr)) == lr for every lr; then quality is always 100.
        suffix: how the names of the files end that `to_file` gives.
    """

    name: str
    lossless: bool
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

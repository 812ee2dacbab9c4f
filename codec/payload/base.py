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
    """

    name: str
    lossless: bool

    def encode(self, lr: PixelArray, *, quality: int, effort: str = "default") -> bytes:
        """uint8 [h, w, 3] -> bytes."""

    def decode(self, data: bytes, *, width: int, height: int) -> PixelArray:
        """Bytes -> uint8 [height, width, 3].

        Raises:
            FormatError: the bytes are broken or hold a picture of another size.
        """

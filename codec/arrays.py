"""Names of the arrays that everything passes around, and cutting and joining them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from codec.geometry import Box

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
#: Called with (pieces done, pieces in all).
Progress = Callable[[int, int], None]
#: Luma of red, green and blue (BT.601).
LUMA = (0.299, 0.587, 0.114)
_T = TypeVar("_T", bound=np.generic)


def no_progress(done: int, total: int) -> None:
    """Tells nobody."""


def crop(array: npt.NDArray[_T], box: Box) -> npt.NDArray[_T]:
    """Rectangle of an array [H, W, ...], as a view."""
    return array[box.y : box.y + box.height, box.x : box.x + box.width]


def place(target: npt.NDArray[_T], part: npt.NDArray[_T], x: int, y: int) -> None:
    """Copy a part into an array [H, W, ...], its top-left corner at (x, y)."""
    target[y : y + part.shape[0], x : x + part.shape[1]] = part


def pad(pixels: PixelArray, down: int, right: int) -> PixelArray:
    """Grow a picture at the bottom and right by reflection, by replication where reflection has too few pixels."""
    for axis, amount in ((0, down), (1, right)):
        widths = [(0, amount if a == axis else 0) for a in range(pixels.ndim)]
        pixels = np.pad(pixels, widths, mode="reflect" if amount < pixels.shape[axis] else "edge")
    return pixels

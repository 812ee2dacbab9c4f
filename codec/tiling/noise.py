"""The specified noise: a value a pixel from its absolute position and a seed, the same on every machine and tiling.

Normative text: `format_spec.md`, section "Noise". All arithmetic is modulo 2^32 until the last line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_M1, _M2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
#: Mean and standard deviation of the sum of four independent bytes.
_MEAN, _STD = 510.0, 21845.0**0.5


def _mix(h: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A 32-bit finaliser: xorshift and multiply twice. Source: constants of Wellons' "lowbias32" search, 2018."""
    h = h ^ (h >> np.uint32(16))
    h = h * _M1
    h = h ^ (h >> np.uint32(15))
    h = h * _M2
    return h ^ (h >> np.uint32(16))


def noise(x: int, y: int, width: int, height: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Noise of a rectangle, float32 [height, width], mean 0, variance 1, between -3.46 and 3.46.

    Args:
        x: left edge in absolute HR pixels, at least 0.
        y: top edge.
        width: of the rectangle.
        height: of the rectangle.
        seed: 0..2^32-1.
    """
    rows = _mix(np.arange(y, y + height, dtype=np.uint32) ^ _mix(np.full(1, seed, np.uint32)))
    columns = _mix(np.arange(x, x + width, dtype=np.uint32) ^ np.uint32(0x9E3779B9))
    h = _mix(rows[:, None] ^ columns[None, :])
    total = (h & np.uint32(255)) + (h >> np.uint32(8) & np.uint32(255))
    total += (h >> np.uint32(16) & np.uint32(255)) + (h >> np.uint32(24))
    out: npt.NDArray[np.float32] = (total.astype(np.float32) - np.float32(_MEAN)) / np.float32(_STD)
    return out

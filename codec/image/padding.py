"""Growing pictures to a size that divides evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pad(pixels: npt.NDArray[np.uint8], down: int, right: int) -> npt.NDArray[np.uint8]:
    """Grow a picture at the bottom and right by reflection, by replication where reflection has too few pixels."""
    for axis, amount in ((0, down), (1, right)):
        widths = [(0, amount if a == axis else 0) for a in range(pixels.ndim)]
        pixels = np.pad(pixels, widths, mode="reflect" if amount < pixels.shape[axis] else "edge")
    return pixels

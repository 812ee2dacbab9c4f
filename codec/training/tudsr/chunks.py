"""Chunks of a picture: what the second pass is trained on, one after the other (TUDSR, Eq. 11)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor


def chunks(x: Tensor, side: int) -> Iterator[Tensor]:
    """Squares of pictures, left to right, top to bottom, without overlap.

    Args:
        x: [B, C, H, W], H and W multiples of the side.
        side: R, in pixels.

    Yields:
        [B, C, side, side], views.
    """
    for y in range(0, x.shape[2], side):
        for left in range(0, x.shape[3], side):
            yield x[:, :, y : y + side, left : left + side]

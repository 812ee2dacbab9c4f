"""Texture and sharpness: is there as much detail of each size and direction as in the original, whatever its phase?

    texture   0..1, lower is better. Gabor magnitudes of luma (4 octaves) and two chroma axes (3 octaves), averaged in
              windows of 16 cells of their octave, p in the original and q in the decoded picture; the mean of
              1 - (2pq + c) / (p^2 + q^2 + c), luma counting three times as much. Plausible texture scores well; blur,
              blocks and added noise do not. A phase-scrambled picture scores well too: never read it alone.
    sharp     energy of the finest octave of luma, decoded / original; 1 = as sharp, below = blurred, above = noisy.

Neither may be a training loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from bench.metrics.gabor import magnitudes

#: Octaves of luma and of each chroma axis, and what one octave of each counts in the mean.
_OCTAVES, _COUNTS = (4, 3, 3), (3, 1, 1)
_WINDOW = 16
#: Keeps windows without any detail (below about two grey levels) from deciding the score.
_FLOOR = 4.0


@dataclass(frozen=True)
class Detail:
    """What a picture's detail is measured by; the original's is computed once.

    Attributes:
        windows: per channel and octave, mean magnitude a window [1, 6, h, w].
        finest: root mean square magnitude of luma's finest octave.
    """

    windows: list[list[Tensor]]
    finest: float


def detail(opponent: Tensor) -> Detail:
    """Detail of a picture in opponent colours, float [1, 3, H, W]."""
    windows, finest = [], 0.0
    for channel, octaves in enumerate(_OCTAVES):
        bands = magnitudes(opponent[:, channel : channel + 1], octaves)
        if channel == 0:
            finest = float(bands[0].square().mean().sqrt())
        windows.append([F.avg_pool2d(band, _window(band)) for band in bands])
    return Detail(windows, finest)


def texture(original: Detail, decoded: Detail) -> float:
    """Texture distance, 0 = the same amounts of detail everywhere."""
    total = weight = 0.0
    for count, one, other in zip(_COUNTS, original.windows, decoded.windows, strict=True):
        for p, q in zip(one, other, strict=True):
            alike = (2 * p * q + _FLOOR) / (p * p + q * q + _FLOOR)
            total += count * float(1 - alike.mean())
            weight += count
    return total / weight


def sharp(original: Detail, decoded: Detail) -> float:
    """Ratio of the energy (root mean square) of the finest octave."""
    return decoded.finest / max(original.finest, 1e-6)


def _window(band: Tensor) -> int:
    return max(2, min(_WINDOW, int(band.shape[-2]), int(band.shape[-1])))

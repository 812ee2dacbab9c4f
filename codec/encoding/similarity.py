"""Multi-scale structural similarity in numpy: quick, for choices while encoding. Figures are reported by the bench."""

from __future__ import annotations

import numpy as np

from codec.arrays import FloatArray, PixelArray

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: Side and stride of the windows in pixels of their scale.
_WINDOW, _STRIDE = 8, 4
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
#: Luma and the two differences of colour from it (BT.601), and what each counts.
_CHANNELS = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
_SHARES = np.array([6, 1, 1], np.float32) / 8


class Compared:
    """An original with which rebuilt pictures are compared; what needs only it is computed once.

    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003, with
    square windows of 8 pixels, four apart, instead of a Gaussian at every pixel, and with colour beside luma.
    """

    def __init__(self, pixels: PixelArray) -> None:
        """Prepare for an original, uint8 [H, W, 3]."""
        x = _channels(pixels)
        self._levels: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        for _ in range(max(1, sum(min(x.shape[1:]) >> i >= 2 * _WINDOW for i in range(5)))):
            mean = _windows(x)
            self._levels.append((x, mean, _windows(x * x) - mean * mean))
            x = _halved(x)

    def with_(self, pixels: PixelArray) -> float:
        """Similarity in (0, 1] of a rebuilt picture of the same size."""
        y = _channels(pixels)
        used = _WEIGHTS[: len(self._levels)]
        score = np.ones(3, np.float32)
        for level, (x, mean, variance) in enumerate(self._levels):
            own = _windows(y)
            spread = variance + _windows(y * y) - own * own
            similar = (2 * (_windows(x * y) - mean * own) + _C2) / (spread + _C2)
            if level == len(self._levels) - 1:
                similar *= (2 * mean * own + _C1) / (mean * mean + own * own + _C1)
            score *= np.maximum(similar.mean((1, 2)), 1e-3) ** (used[level] / sum(used))
            y = _halved(y)
        return float(score @ _SHARES)


def _channels(pixels: PixelArray) -> FloatArray:
    """Float32 [3, H, W]; sides below a window are replicated up to it."""
    height, width = pixels.shape[:2]
    if min(height, width) < _WINDOW:
        pixels = np.pad(pixels, ((0, max(0, _WINDOW - height)), (0, max(0, _WINDOW - width)), (0, 0)), "edge")
    out: FloatArray = np.moveaxis(pixels.astype(np.float32) @ _CHANNELS.T, 2, 0)
    return np.ascontiguousarray(out)


def _windows(x: FloatArray) -> FloatArray:
    """Means over the windows: of squares of a stride first, then of four neighbouring ones."""
    _, height, width = x.shape
    rows, columns = height // _STRIDE, width // _STRIDE
    small = x[:, : rows * _STRIDE, : columns * _STRIDE].reshape(3, rows, _STRIDE, columns, _STRIDE).mean((2, 4))
    out: FloatArray = (small[:, :-1, :-1] + small[:, 1:, :-1] + small[:, :-1, 1:] + small[:, 1:, 1:]) / 4
    return out


def _halved(x: FloatArray) -> FloatArray:
    _, height, width = x.shape
    out: FloatArray = x[:, : height // 2 * 2, : width // 2 * 2].reshape(3, height // 2, 2, width // 2, 2).mean((2, 4))
    return out

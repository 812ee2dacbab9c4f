"""The measured table behind every choice of scale and quality: how good a picture is at each setting.

`table.json` is made by `tools/measure_rates.py`, which says in it with which model and on which pictures.
"""

from __future__ import annotations

import bisect
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("table.json")


@dataclass(frozen=True)
class Curve:
    """One scale and payload.

    Attributes:
        scale: HR/LR ratio.
        payload: "av1", "png", ...
        quality: measured qualities, rising; (100,) for a lossless payload.
        bpp: mean bits of the whole file per HR pixel, a quality.
        ms_ssim: mean luma MS-SSIM at realism 0, a quality.
    """

    scale: int
    payload: str
    quality: tuple[int, ...]
    bpp: tuple[float, ...]
    ms_ssim: tuple[float, ...]

    def score(self, quality: int) -> float:
        """MS-SSIM at a quality, interpolated linearly, held constant outside the measured range."""
        return _interpolate(self.quality, self.ms_ssim, quality)

    def rate(self, quality: int) -> float:
        """Mean bits of the whole file per HR pixel at a quality."""
        return _interpolate(self.quality, self.bpp, quality)

    def worth(self, bpp: float) -> float:
        """MS-SSIM at a mean rate; below the smallest, where the line through the first two points would be."""
        if bpp >= self.bpp[0] or len(self.bpp) == 1:
            return _interpolate(self.bpp, self.ms_ssim, bpp)
        slope = (self.ms_ssim[1] - self.ms_ssim[0]) / (self.bpp[1] - self.bpp[0])
        return self.ms_ssim[0] + slope * (bpp - self.bpp[0])

    def quality_for(self, bpp: float) -> int:
        """The quality whose mean rate is nearest to `bpp`: where a search for one picture begins."""
        return round(_interpolate(self.bpp, self.quality, bpp))


@cache
def curves(model: str) -> tuple[Curve, ...] | None:
    """All measured curves of a model package; None = the table is of another one."""
    table = json.loads(_FILE.read_text())
    if table["model"] != model:
        return None
    return tuple(
        Curve(row["scale"], row["payload"], tuple(row["quality"]), tuple(row["bpp"]), tuple(row["ms_ssim"]))
        for row in table["curves"]
    )


def guessed(scales: tuple[int, ...]) -> tuple[Curve, ...]:
    """Rough curves where none were measured: rates of photographs in general, and no opinion on the pictures."""
    return tuple(
        Curve(scale, "av1", (0, 50, 99), tuple(16 * rate / scale**1.8 for rate in (0.01, 0.06, 0.6)), (0.5, 0.5, 0.5))
        for scale in scales
    )


def _interpolate(xs: tuple[float, ...], ys: tuple[float, ...], x: float) -> float:
    at = bisect.bisect_left(xs, x)
    if at == 0:
        return ys[0]
    if at == len(xs):
        return ys[-1]
    share = (x - xs[at - 1]) / (xs[at] - xs[at - 1])
    return ys[at - 1] + share * (ys[at] - ys[at - 1])

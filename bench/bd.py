"""Bjontegaard deltas: the mean difference in rate between two codecs at equal quality.

Computed photograph by photograph on the range of quality that both codecs reach there, with the `bjontegaard` package
(Akima interpolation of log rate over quality), then averaged over photographs.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import bjontegaard
import numpy as np

from bench.metrics.catalog import ALL
from bench.summary import Row

#: Fewer distinct points than this are no curve.
LEAST_POINTS = 3
#: Picture measures to take as quality, where a run has them.
METRICS = ("psnr", "psnr_y", "ms_ssim", "texture", "ssimulacra2", "ssimulacra2_py", "lpips_vgg", "dists")


def metrics_of(rows: list[Row]) -> tuple[str, ...]:
    """Those of `METRICS` that a run has."""
    return tuple(name for name in METRICS if any(name in row["metrics"] for row in rows))


def bd_table(rows: list[Row], anchor: str, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """BD-rate of every codec against one.

    Args:
        rows: of a run.
        anchor: codec to compare with.
        metrics: picture measures to take as quality.

    Returns:
        A line a codec and measure: codec, metric, rate (per cent; negative = fewer bits than the anchor; None if the
        curves of no photograph overlap) and n, the photographs it is a mean over.
    """
    curves: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        curves.setdefault((row["codec"], row["image"]), []).append(row)
    codecs = list(dict.fromkeys(codec for codec, _ in curves))
    images = list(dict.fromkeys(image for _, image in curves))
    lines = []
    for codec in codecs:
        for metric in metrics:
            values = [
                rate
                for image in images
                if (rate := bd_rate(curves.get((anchor, image), []), curves.get((codec, image), []), metric))
                is not None
            ]
            mean = round(float(np.mean(values)), 2) if values else None
            lines.append({"codec": codec, "metric": metric, "rate": mean, "n": len(values)})
    return lines


def bd_rate(anchor: list[Row], test: list[Row], metric: str) -> float | None:
    """BD-rate of one photograph in per cent, None if there are too few points or no common range of quality."""
    one, other = curve(anchor, metric), curve(test, metric)
    if min(len(one), len(other)) < LEAST_POINTS:
        return None
    if min(one[-1][1], other[-1][1]) <= max(one[0][1], other[0][1]):
        return None
    (rate_anchor, quality_anchor), (rate_test, quality_test) = zip(*one, strict=True), zip(*other, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the common range may be small; it is what there is
        value = float(
            bjontegaard.bd_rate(
                rate_anchor, quality_anchor, rate_test, quality_test, method="akima", require_matching_points=False,
                min_overlap=0,
            )
        )  # fmt: skip
    return value if math.isfinite(value) else None


def curve(rows: list[Row], metric: str) -> list[tuple[float, float]]:
    """Points (bpp, quality) of one photograph by increasing rate; those where quality does not rise are left out."""
    sign = -1.0 if ALL[metric].better == "lower" else 1.0
    points: list[tuple[float, float]] = []
    for bpp, quality in sorted({(r["bpp"], sign * r["metrics"][metric]) for r in rows if metric in r["metrics"]}):
        if not points or (quality > points[-1][1] and bpp > points[-1][0]):
            points.append((bpp, quality))
    return points

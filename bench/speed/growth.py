"""How time and memory grow with size: a power law fitted on a log-log scale."""

from __future__ import annotations

from typing import Any

import numpy as np

#: What is fitted: name in results, direction, field.
QUANTITIES = (
    ("encode_seconds", "encode", "warm_seconds"),
    ("decode_seconds", "decode", "warm_seconds"),
    ("encode_memory", "encode", "peak_bytes"),
    ("decode_memory", "decode", "peak_bytes"),
)
_MEGAPIXEL = 1e6


def power_law(pixels: list[float], values: list[float]) -> tuple[float, float]:
    """Exponent b and value at one megapixel of the least-squares fit value = a (pixels / 10^6)^b in logarithms."""
    slope, intercept = np.polyfit(np.log(np.array(pixels) / _MEGAPIXEL), np.log(values), 1)
    return float(slope), float(np.exp(intercept))


def fit_growth(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Growth of every codec with at least two sizes.

    Memory is taken above the process's size before the first call, so that Python and its imports do not flatten it.
    """
    lines = []
    for codec in dict.fromkeys(row["codec"] for row in rows):
        for name, what, field in QUANTITIES:
            points = [(row["pixels"], _value(row[what], field)) for row in rows if row["codec"] == codec]
            points = [(pixels, value) for pixels, value in points if value > 0]
            if len(points) < 2:
                continue
            exponent, at = power_law([p for p, _ in points], [v for _, v in points])
            lines.append({
                "codec": codec, "what": name, "exponent": round(exponent, 3), "at_megapixel": round(at, 6),
                "points": len(points),
            })  # fmt: skip
    return lines


def _value(timing: dict[str, Any], field: str) -> float:
    return float(timing[field] - timing["baseline_bytes"] if field == "peak_bytes" else timing[field])

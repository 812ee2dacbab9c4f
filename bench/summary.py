"""Means over photographs, and who is best where."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.metrics.catalog import ALL, Metric
from bench.metrics.patches import Features, frechet

Row = dict[str, Any]
#: What the best of a codec's forms is called behind the codec's name, and the measures of which the first that a
#: photograph has decides.
BEST, DECIDE = "best", ("ms_ssim", "psnr")
_FORM = re.compile(r"(?P<name>[a-z]+)(/\d+)?")
#: (codec or "original", image, setting) -> patch features.
FeaturesOf = Callable[[str, str, int | None], Features]


def summarise(rows: list[Row], images: int, features: FeaturesOf) -> list[Row]:
    """One line a codec and target.

    Args:
        rows: of a run.
        images: photographs in the run; a mean over fewer says so by its `n`.
        features: gives stored patch features.

    Returns:
        Lines with codec, target, n, of, bpp, times and the mean of every measure that all their rows have (of a
        partial measure, that some have); patch_fd is over the patches of their photographs together.
    """
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["codec"], row["target"]), []).append(row)
    return [
        {
            "codec": codec, "target": target, "n": len(group), "of": images,
            **{key: round(_mean(group, key), 6) for key in ("bpp", "bytes", "encode_seconds", "decode_seconds")},
            "metrics": {**_metric_means(group), **_set_metrics(codec, group, features)},
        }
        for (codec, target), group in groups.items()
    ]  # fmt: skip


def best_forms(rows: list[Row]) -> list[Row]:
    """Rows of codecs that would always be used in the best of their forms: full size or downscaled, by MS-SSIM, or by
    PSNR where a picture is too small for it.

    Args:
        rows: of a run.

    Returns:
        For every codec that was run in more than one form (avif, avif/2, avif/4; upscaled ones are no forms of it), a
        row a photograph and target under the name "avif/best"; `form` says which it was.
    """
    groups: dict[tuple[str, str, float], list[Row]] = {}
    forms: dict[str, set[str]] = {}
    for row in rows:
        found = _FORM.fullmatch(row["codec"])
        if found:
            groups.setdefault((found["name"], row["image"], row["target"]), []).append(row)
            forms.setdefault(found["name"], set()).add(row["codec"])
    return [
        {**best, "codec": f"{name}/{BEST}", "form": best["codec"]}
        for (name, _, _), group in groups.items()
        for best in [max(group, key=_quality)]
        if len(forms[name]) > 1
    ]


def wins(summary: list[Row], metrics: list[str]) -> list[Row]:
    """Who is best at every target and measure, among codecs that reach the target on every photograph.

    Returns:
        Lines with target, metric, codec (the best), value, peer (the best that is not ours), peer_value, ours and
        ours_value; None where there is none.
    """
    lines = []
    for target in sorted({line["target"] for line in summary}):
        full = [line for line in summary if line["target"] == target and line["n"] == line["of"]]
        for name in metrics:
            having = sorted(
                (line for line in full if name in line["metrics"]),
                key=lambda line: badness(ALL[name], line["metrics"][name]),
            )
            if not having:
                continue
            ours = next((line for line in having if is_ours(line["codec"])), None)
            peer = next((line for line in having if not is_ours(line["codec"])), None)
            lines.append({
                "target": target, "metric": name, "codec": having[0]["codec"], "value": having[0]["metrics"][name],
                "peer": peer and peer["codec"], "peer_value": peer and peer["metrics"][name],
                "ours": ours and ours["codec"], "ours_value": ours and ours["metrics"][name],
            })  # fmt: skip
    return lines


def badness(metric: Metric, value: float) -> float:
    """A number that is smaller the better a value is."""
    return {"higher": -value, "lower": value, "one": abs(math.log(max(value, 1e-9)))}[metric.better]


def is_ours(codec: str) -> bool:
    """Whether a codec is tadmc."""
    return codec.startswith("tadm/")


def _quality(row: Row) -> float:
    return next(float(row["metrics"][name]) for name in DECIDE if name in row["metrics"])


def _mean(group: list[Row], key: str) -> float:
    return float(np.mean([row[key] for row in group]))


def _metric_means(group: list[Row]) -> dict[str, float]:
    found = {}
    for name, metric in ALL.items():
        values = [row["metrics"][name] for row in group if name in row["metrics"]]
        if len(values) == len(group) or (metric.partial and values):
            found[name] = round(float(np.mean(values)), 5)
    return found


def _set_metrics(codec: str, group: list[Row], features: FeaturesOf) -> dict[str, float]:
    real = np.concatenate([features("original", row["image"], None) for row in group])
    made = np.concatenate([features(row.get("form", codec), row["image"], row["setting"]) for row in group])
    distance = frechet(real.astype(np.float64), made.astype(np.float64))
    return {} if distance is None else {"patch_fd": round(distance, 4)}

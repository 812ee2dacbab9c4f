"""Fidelity against realism: forced timesteps (after Fig. 7 of TADM) and the realism dial on our models."""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.codecs.tadm import Variant
from bench.errors import BenchError
from bench.figures.style import canvas
from bench.metrics.catalog import ALL

#: Perceptual measures by preference: the field's own where their weights are here, otherwise ours.
_REALISM = ("lpips_vgg", "dists", "musiq", "texture", "patch_fd", "sharp")
_FIDELITY = ("psnr", "ms_ssim")
_RATE_COLOURS = ("#1b4f72", "#d35400", "#1e8449", "#7d3c98", "#616a6b")


def draw_fixed_timesteps(record: dict[str, Any]) -> Figure:
    """Fixed timesteps as a curve, predicted ones as a star, realism 0 as a ring; fidelity over perceptual measures."""
    lines = _by_variant(record)
    fixed = sorted((v.timestep, line) for v, line in lines.items() if v.timestep is not None)
    predicted = [(v, line) for v, line in lines.items() if v.timestep is None]
    measures = _present(record, _REALISM)[:3]
    figure, axes = canvas(len(measures), width=3.6)
    for measure, axis in zip(measures, axes, strict=True):
        xs = [line["metrics"][measure] for _, line in fixed]
        ys = [line["metrics"]["psnr"] for _, line in fixed]
        axis.plot(xs, ys, color="#1f77b4", marker="o", markersize=4, label="one timestep for all tiles")
        clear = -12 if (xs[-1] - xs[0]) * (ys[-1] - ys[0]) > 0 else 5  # points: the side that the curve leaves free
        for first, last in _apart(xs, ys):
            name = f"t={fixed[first][0]:g}" + (f"-{fixed[last][0]:g}" if last > first else "")
            place = ((xs[first] + xs[last]) / 2, (ys[first] + ys[last]) / 2)
            axis.annotate(name, place, xytext=(2, clear), textcoords="offset points", fontsize=7, color="#1f77b4")
        for variant, line in predicted:
            star = variant.realism != 0
            axis.plot(
                line["metrics"][measure], line["metrics"]["psnr"], linestyle="none", color="#d62728",
                marker="*" if star else "o", markersize=11 if star else 7, markerfacecolor=None if star else "none",
                label="predicted timesteps" if star else "realism 0",
            )  # fmt: skip
        _label(axis, measure, "psnr")
        axis.margins(x=0.12, y=0.12)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=3)
    return figure


def draw_retrained(lines: dict[str, dict[str, Any]]) -> Figure:
    """Fig. 7 of TADM as the paper has it: one point a package, each retrained for its timestep.

    Args:
        lines: summary lines of one rate, by the package's label.
    """
    measures = _present({"summary": list(lines.values())}, _REALISM)[:3]
    figure, axes = canvas(len(measures), width=3.6)
    for measure, axis in zip(measures, axes, strict=True):
        for number, (label, line) in enumerate(lines.items()):
            axis.plot(
                line["metrics"][measure], line["metrics"]["psnr"], linestyle="none", markersize=7,
                color=_RATE_COLOURS[number % len(_RATE_COLOURS)], marker="*o^svDP"[number % 7], label=label,
            )  # fmt: skip
        _label(axis, measure, "psnr")
        axis.margins(x=0.15, y=0.15)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=4)
    return figure


def draw_plane(record: dict[str, Any]) -> Figure:
    """The plane of fidelity and realism: one curve a rate, along it the dial from 0 to 1."""
    targets = sorted({line["target"] for line in record["summary"]})
    measures = _present(record, _REALISM)[:3]
    figure, axes = canvas(len(measures), len(_FIDELITY), width=3.6)
    pairs = [(x, y) for y in _FIDELITY for x in measures]
    for (x, y), axis in zip(pairs, axes, strict=True):
        for target, colour in zip(targets, cycle(_RATE_COLOURS), strict=False):
            along = _along(record, target, x, y)
            if not along:
                continue
            axis.plot([p[1] for p in along], [p[2] for p in along], color=colour, marker="o", markersize=4,
                      label=f"{target:g} bpp")  # fmt: skip
            for realism, px, py in (along[0], along[-1]):
                axis.annotate(
                    f"{realism:g}", (px, py), xytext=(4, 4), textcoords="offset points", fontsize=7, color=colour
                )
        _label(axis, x, y)
    axes[0].legend(fontsize=7, title="numbers: realism", title_fontsize=7)
    return figure


def plane_rows(record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The plane as a table: header and rows by rate and realism."""
    names = [n for n in ALL if any(n in line["metrics"] for line in record["summary"])]
    header = ["target bpp", "bpp", "n", "realism", *(ALL[n].title for n in names)]
    rows = []
    for line in sorted(record["summary"], key=lambda s: (s["target"], _variant(s["codec"]).realism or 0)):
        values = [f"{line['metrics'][n]:.{ALL[n].digits}f}" if n in line["metrics"] else "-" for n in names]
        realism = f"{_variant(line['codec']).realism:g}"
        rows.append([f"{line['target']:g}", f"{line['bpp']:.4f}", f"{line['n']}/{line['of']}", realism, *values])
    return header, rows


def _by_variant(record: dict[str, Any]) -> dict[Variant, dict[str, Any]]:
    return {_variant(line["codec"]): line for line in record["summary"]}


def _variant(name: str) -> Variant:
    variant = Variant.parse(name)
    if variant is None:
        raise BenchError(f"{name}: this figure is about variants of ours only")
    return variant


def _apart(xs: list[float], ys: list[float], least: float = 0.06) -> list[tuple[int, int]]:
    """First and last index of each stretch of points nearer to one another than that share of the picture."""
    width, height = (max(max(v) - min(v), 1e-9) for v in (xs, ys))
    stretches = [(0, 0)]
    for i in range(1, len(xs)):
        first, last = stretches[-1]
        if math.hypot((xs[i] - xs[last]) / width, (ys[i] - ys[last]) / height) < least:
            stretches[-1] = (first, i)
        else:
            stretches.append((i, i))
    return stretches


def _along(record: dict[str, Any], target: float, x: str, y: str) -> list[tuple[float, float, float]]:
    lines = [line for line in record["summary"] if line["target"] == target]
    return sorted(
        (_variant(line["codec"]).realism or 0.0, line["metrics"][x], line["metrics"][y])
        for line in lines
        if x in line["metrics"] and y in line["metrics"]
    )


def _present(record: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    found = [n for n in names if all(n in line["metrics"] for line in record["summary"])]
    if not found:
        raise BenchError("no perceptual measure in these results")
    return found


def _label(axis: Axes, x: str, y: str) -> None:
    for name, put in ((x, axis.set_xlabel), (y, axis.set_ylabel)):
        put(f"{ALL[name].title}{ALL[name].arrow}")

"""Rate-distortion curves: means over photographs at every matched rate, from a results file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.errors import BenchError
from bench.figures.style import canvas, look
from bench.metrics.catalog import ALL
from bench.summary import is_ours

#: Measures of the general figure, of which those that a results file has are drawn.
RD_METRICS = ("psnr", "ms_ssim", "ssimulacra2", "ssimulacra2_py", "texture", "sharp", "patch_fd", "lpips_vgg", "dists")
#: Those of the paper's R-D figure come first; ours stand in where their weights are not here.
JPEG_METRICS = ("lpips_vgg", "dists", "psnr", "ms_ssim", "texture", "patch_fd")


@dataclass(frozen=True)
class Point:
    """A mean: bits a pixel, value, photographs it is over, photographs in the run."""

    bpp: float
    value: float
    n: int
    of: int


def points(record: dict[str, Any], codec: str, metric: str) -> list[Point]:
    """Points of a codec by rate; equal ones (two targets that took the same files) once."""
    found = {
        Point(line["bpp"], line["metrics"][metric], line["n"], line["of"])
        for line in record["summary"]
        if line["codec"] == codec and metric in line["metrics"]
    }
    return sorted(found, key=lambda p: (p.bpp, p.value))


def draw_curves(record: dict[str, Any], metrics: tuple[str, ...], codecs: list[str]) -> Figure:
    """One panel a measure, one curve a codec, one legend.

    A point over fewer photographs than the run has is hollow and on no line: it is a mean over the easy ones.
    """
    shown = [m for m in metrics if any(m in line["metrics"] for line in record["summary"])]
    if not shown:
        having = ", ".join(m for m in ALL if any(m in line["metrics"] for line in record["summary"]))
        raise BenchError(f"these results have no {' or '.join(metrics)}, but {having}")
    columns = min(len(shown), 3 if len(shown) != 4 else 2)
    figure, axes = canvas(columns, -(-len(shown) // columns), height=3.4)
    for metric, axis in zip(shown, axes, strict=False):
        for name in codecs:
            _draw(axis, record, name, metric)
        _dress(axis, metric)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, handlelength=3.2)
    return figure


def in_order(record: dict[str, Any], wanted: tuple[str, ...] = ()) -> list[str]:
    """Codecs to draw, peers first so that ours are drawn over them: those named, else all that have a curve.

    A curve needs means over all photographs at two rates, or every codec that has any point is drawn.

    Raises:
        BenchError: one that is named has no point.
    """
    full = Counter(line["codec"] for line in record["summary"] if line["n"] == line["of"])
    having = {line["codec"] for line in record["summary"]}
    if unknown := sorted(set(wanted) - having):
        raise BenchError(f"these results have no {', '.join(unknown)}, but {', '.join(sorted(having))}")
    curves = {name for name in having if full[name] > 1}
    names = [n for n in record["codecs"] if n in (wanted or curves or having)]
    return sorted(names, key=is_ours)


def against_jpeg(record: dict[str, Any]) -> list[str]:
    """JPEG in all its sizes, however few rates it reaches, and the curves of ours."""
    having = {line["codec"] for line in record["summary"]}
    jpeg = [n for n, codec in record["codecs"].items() if codec["family"] == "jpeg" and n in having]
    return [*jpeg, *filter(is_ours, in_order(record))]


def _draw(axis: Axes, record: dict[str, Any], name: str, metric: str) -> None:
    codec = record["codecs"][name]
    style = look(name, codec["family"], codec["scale"])
    all_points = points(record, name, metric)
    full = [p for p in all_points if p.n == p.of]
    part = [p for p in all_points if p.n < p.of]
    axis.plot(
        [p.bpp for p in full], [p.value for p in full], color=style.colour, linestyle=style.line, marker=style.marker,
        markersize=4, linewidth=style.width, label=codec["title"],
    )  # fmt: skip
    axis.plot(
        [p.bpp for p in part], [p.value for p in part], color=style.colour, linestyle="none", marker=style.marker,
        markersize=4, markerfacecolor="none", alpha=0.6,
    )  # fmt: skip


def _dress(axis: Axes, metric: str) -> None:
    about = ALL[metric]
    axis.set_title(f"{about.title}{f', {about.unit}' if about.unit else ''}{about.arrow}", fontsize=9, loc="left")
    axis.set_xscale("log")
    axis.set_xlabel("bits per pixel (whole file)")
    ticks = [t for t in (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5) if _inside(axis, t)]
    axis.set_xticks(ticks)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.minorticks_off()


def _inside(axis: Axes, x: float) -> bool:
    low, high = axis.get_xlim()
    return low <= x <= high

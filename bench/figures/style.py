"""One look for every picture: a colour a codec, a dash a downscaling, files that are the same when made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no display is needed, and none may be opened

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_FAMILY = {
    "jpeg": "#7f7f7f", "webp": "#b8860b", "avif": "#1f77b4", "jxl": "#2ca02c", "heic": "#9467bd", "vvc": "#17a2a2",
    "png": "#a0a0a0", "folder": "#8c564b", "span": "#6baed6", "clear": "#2e8b57", "kendata": "#8a6d3b",
    "realesrgan": "#54278f",
}  # fmt: skip
#: Ours, by scale.
_OURS = {4: "#d62728", 8: "#e377c2", 16: "#ff7f0e", 32: "#7a3b10"}
_DASH = {1: "solid", 2: "dashed", 4: "dotted"}
_DASHES = {"solid": "", "dashed": "6 3", "dotted": "2 3", "dashdot": "7 3 2 3"}
_PARAMETERS: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.grid": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "legend.frameon": False,
    "figure.constrained_layout.use": True, "savefig.dpi": 150, "svg.hashsalt": "bench", "svg.fonttype": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How a codec is drawn.

    Attributes:
        colour: hexadecimal.
        line: matplotlib's line style.
        marker: matplotlib's marker.
        dashes: the line style as an SVG dash array.
        width: of the line in points.
    """

    colour: str
    line: str
    marker: str
    dashes: str
    width: float


def look(name: str, family: str, scale: int) -> Look:
    """The look of a codec, by its name, family and scale as results files have them."""
    if family == "tadm":
        name = name.partition(" on ")[0]  # an engine changes no picture
        line = "dashed" if name.endswith(":r0") else "dotted" if name.endswith(":z") else "solid"
        marker = "s" if "-" in name else "o"
        return Look(_OURS.get(scale, "#d62728"), line, marker, _DASHES[line], 2.2)
    line = _DASH.get(scale, "dashdot")
    return Look(_FAMILY.get(family, "#333333"), line, {1: "o", 2: "D", 4: "v"}.get(scale, "x"), _DASHES[line], 1.3)


def canvas(columns: int, rows: int = 1, *, width: float = 4.2, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """An empty figure of equal panels, each of so many inches, and its panels row by row."""
    plt.rcParams.update(_PARAMETERS)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * width, rows * height), squeeze=False)
    return figure, list(axes.flat)


def save(figure: Figure, out: Path, name: str) -> list[Path]:
    """Write `name.svg` and `name.png`; the same data gives the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.svg", out / f"{name}.png"]
    figure.savefig(paths[0], metadata={"Date": None, "Creator": None})
    figure.savefig(paths[1], metadata={"Software": None})
    plt.close(figure)
    return paths

"""Time and memory over size, with the fitted growth."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.figures.style import canvas, look
from bench.speed.growth import QUANTITIES

_TITLES = {
    "encode_seconds": "Encode, warm, s", "decode_seconds": "Decode, warm, s",
    "encode_memory": "Encode, peak memory above start, MiB", "decode_memory": "Decode, peak memory above start, MiB",
}  # fmt: skip
_MEBIBYTE = 2**20


def draw_speed(record: dict[str, Any]) -> Figure:
    """Four panels; points are measured, lines the fitted power laws, whose exponents the legend gives (1 = linear)."""
    figure, axes = canvas(2, 2, width=6.0, height=3.3)
    for (name, what, field), axis in zip(QUANTITIES, axes, strict=True):
        for codec in record["codecs"]:
            _draw(axis, record, codec, (name, what, field))
        _dress(axis, record, _TITLES[name])
    return figure


def _draw(axis: Axes, record: dict[str, Any], codec: str, quantity: tuple[str, str, str]) -> None:
    name, what, field = quantity
    rows = [row for row in record["rows"] if row["codec"] == codec]
    if not rows:
        return
    about = record["codecs"][codec]
    style = look(codec, about["family"], about["scale"])
    unit = _MEBIBYTE if field == "peak_bytes" else 1
    start = [row[what]["baseline_bytes"] if field == "peak_bytes" else 0 for row in rows]
    values = [(row[what][field] - base) / unit for row, base in zip(rows, start, strict=True)]
    fit = next((g for g in record["growth"] if g["codec"] == codec and g["what"] == name), None)
    label = about["title"] if fit is None else f"{about['title']} ({fit['exponent']:.2f})"
    # one handle for the legend, with the marker of the points and the dash of the fitted line
    shown: dict[str, Any] = {"color": style.colour, "marker": style.marker, "markersize": 4, "linewidth": 1}
    axis.plot([], [], linestyle=style.line, label=label, **shown)
    axis.plot([row["side"] for row in rows], values, linestyle="none", **shown)
    if fit is not None:
        sides = np.geomspace(rows[0]["side"], rows[-1]["side"], 50)
        curve = fit["at_megapixel"] / unit * (sides**2 / 1e6) ** fit["exponent"]
        axis.plot(sides, curve, color=style.colour, linestyle=style.line, linewidth=1)


def _dress(axis: Axes, record: dict[str, Any], title: str) -> None:
    axis.set(xscale="log", yscale="log", xlabel="side of a square picture, pixels")
    axis.set_title(title, fontsize=9, loc="left")
    axis.set_xticks(sorted({row["side"] for row in record["rows"]}))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    # beside the panel: nine codecs leave no free corner in it
    axis.legend(fontsize=7, title="growth with pixels", title_fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))

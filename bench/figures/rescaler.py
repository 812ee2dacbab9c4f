"""What each part of the rescaler earns (Fig. 6 of TADM on our models)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.codecs.tadm import Variant
from bench.errors import BenchError
from bench.figures.style import canvas

_PARTS = ("bicubic", "LR writer and reader", "and denoiser, realism 0")
#: Held-out figures of training logs: the compact family's, then both losses of Eq. 8 as in the paper's figure.
HELD_OUT = ("psnr_z_hat", "held_out_rec", "held_out_guide")
_COLOURS = ("#b0b0b0", "#ff9f6b", "#d62728")


def draw_parts(record: dict[str, Any] | None, logs: dict[str, Path], keys: tuple[str, ...]) -> Figure:
    """Bars by scale: bicubic alone, with the LR reader, with the denoiser at realism 0, from a lossless LR.

    The LR of the bicubic bar is a bicubic downscale, that of the others what the model writes: at scales with a learned
    LR writer the second bar holds what writer and reader earn together.

    Args:
        record: of the run `bench.figures.runs.rescaler_parts`; None = no bars.
        logs: training logs (JSON lines with `step`) by label; their curves make a panel a key, which is the paper's
            own form of this figure: one training run with and one without a part.
        keys: held-out figures to take from the logs; none = those of `HELD_OUT` that all of them have.

    Raises:
        BenchError: a log has no such figure.
    """
    panels = [("psnr", "PSNR (RGB), dB"), ("ms_ssim", "MS-SSIM (Y)")] if record else []
    panels = [p for p in panels if record and all(p[0] in line["metrics"] for line in record["summary"])]
    curves = {label: _read(path) for label, path in logs.items()}
    keys = keys or tuple(k for k in HELD_OUT if all(any(k in line for line in lines) for lines in curves.values()))
    if logs and not keys:
        raise BenchError(f"the logs have none of {', '.join(HELD_OUT)} in common; name a figure with --key")
    figure, axes = canvas(len(panels) + (len(keys) if logs else 0), width=4.0)
    for (metric, title), axis in zip(panels, axes, strict=False):
        _bars(axis, record or {}, metric, title)
    if panels:
        figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=3)
    for key, axis in zip(keys if logs else (), axes[len(panels) :], strict=True):
        _draw_logs(axis, curves, key)
    return figure


def _bars(axis: Axes, record: dict[str, Any], metric: str, title: str) -> None:
    values = {line["codec"]: line["metrics"][metric] for line in record["summary"]}
    scales = sorted({codec["scale"] for codec in record["codecs"].values()})
    for i, (label, colour) in enumerate(zip(_PARTS, _COLOURS, strict=True)):
        for place, scale in enumerate(scales):
            value = values.get(_name(i, scale))
            if value is None:
                continue
            x = place + (i - 1) * 0.27
            axis.bar(x, value, width=0.25, color=colour, label=label if place == 0 else None)
            axis.annotate(
                f" {value:.2f}" if value > 1 else f" {value:.3f}", (x, value), ha="center", va="bottom", fontsize=7,
                rotation="vertical",
            )  # fmt: skip
    low, high = min(values.values()), max(values.values())
    # bars that start at zero would hide what they are about; the axis says where it starts
    axis.set_ylim(low - 0.6 * (high - low) - 1e-3, high + 0.25 * (high - low) + 1e-3)
    axis.set_xticks(range(len(scales)), [f"{s}x" for s in scales])
    axis.set_title(f"{title}, lossless LR", fontsize=9, loc="left")
    axis.grid(visible=False, axis="x")


def _name(part: int, scale: int) -> str:
    if part == 0:
        return f"png/{scale}"
    return str(Variant(scale=scale, payload="png", realism=None if part == 1 else 0.0))


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(text) for text in path.read_text().splitlines()]
    except (OSError, ValueError) as exc:
        raise BenchError(f"{path}: not a training log ({exc})") from exc


def _draw_logs(axis: Axes, logs: dict[str, list[dict[str, Any]]], key: str) -> None:
    for label, lines in logs.items():
        curves: dict[Any, list[tuple[float, float]]] = {}
        for line in lines:
            if key in line:
                curves.setdefault(line.get("scale"), []).append((line["step"], line[key]))
        if not curves:
            raise BenchError(f"{label}: no line has {key!r}")
        for scale, curve in curves.items():
            name = label if scale is None else f"{label}, {scale}x"
            axis.plot([p[0] for p in curve], [p[1] for p in curve], marker="." if len(curve) < 30 else None, label=name)
    axis.set_title(f"held out: {key}", fontsize=9, loc="left")
    axis.set_xlabel("training step")
    axis.locator_params(axis="x", nbins=5)
    axis.legend(fontsize=7)

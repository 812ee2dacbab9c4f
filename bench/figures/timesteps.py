"""Timesteps of ours: rescaling error against diffusion error (Fig. 3 of TADM), and the map over a picture (Fig. 8).

The latent of the compact family is space-to-depth of the pixels, so errors of its latent are errors of pixels in
[-1, 1] and come from decoded files; no network is called here. Those of `sd21` come from `bench.figures.latent_errors`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from bench.codecs.base import Expected
from bench.codecs.tadm import Variant
from bench.decoding import Decoder
from bench.figures.style import canvas
from bench.figures.tiles import spread
from bench.photos import Photo, PixelArray
from bench.plan import Plan
from codec.geometry import Size
from codec.models.compact.v1.scheduler import alpha_bar

Floats = npt.NDArray[np.float64]

TILE = 64
T_MAX = 1000
_COLOURS = {4: "#d62728", 8: "#e377c2", 16: "#ff7f0e", 32: "#7a3b10"}


def decode_variant(plan: Plan, variant: Variant, photo: Photo, setting: int, decoder: Decoder) -> dict[str, Any]:
    """One photograph through one file of ours: pixels [H, W, 3], timesteps a tile, bytes."""
    codec = plan.codec(str(variant))
    path = plan.coded(codec, photo.name, setting)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codec.encode(photo, setting))
    expected = Expected(name=photo.name, width=photo.width, height=photo.height)
    read = decoder.decode(str(variant), path, expected)
    return {"pixels": read.pixels, "timesteps": np.array(read.timesteps), "bytes": read.bytes}


def rescaling_errors(plan: Plan, photos: list[Photo], settings: dict[str, int], decoder: Decoder) -> dict[str, Any]:
    """Errors that rescaling leaves, by scale, beside the energy that diffusion would add its noise to.

    Args:
        plan: gives codecs and folders.
        photos: pictures.
        settings: payload setting by the encoder name of a variant, e.g. {"tadm/4-png": 100}.
        decoder: the other process.

    Returns:
        JSON-ready: `energy`, mean square of the latent; and a list `scales` with label, scale, `error` (mean square of
        z_hat - z over everything), `tiles` (the same a 64 px tile) and `timesteps` (predicted a tile).
    """
    energies = [float(np.square(_latent(p.pixels)).mean()) for p in photos]
    found: dict[str, Any] = {"energy": float(np.mean(energies)), "scales": []}
    for name, setting in settings.items():
        variant = Variant.parse(f"{name}:z")
        assert variant is not None
        tiles: list[float] = []
        timesteps: list[float] = []
        errors: list[float] = []
        for photo in photos:
            read = decode_variant(plan, variant, photo, setting, decoder)
            square = np.square(_latent(read["pixels"]) - _latent(photo.pixels)).mean(2)
            rows, columns = (n // TILE for n in square.shape)
            whole = square[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE).mean((1, 3))
            errors.append(float(square.mean()))
            tiles += [round(float(v), 7) for v in whole.flat]
            timesteps += [round(float(v), 2) for v in read["timesteps"][:rows, :columns].flat]
        label = f"{variant.scale}x {variant.payload.upper()}" + ("" if setting == 100 else f" q{setting}")
        found["scales"].append(
            {
                "label": label,
                "scale": variant.scale,
                "error": float(np.mean(errors)),
                "tiles": tiles,
                "timesteps": timesteps,
            }
        )
    return found


def diffusion_error(energy: float, alphas: list[float] | None = None) -> tuple[Floats, Floats]:
    """Timesteps and the mean square of z_t - z there: (1 - sqrt(abar))^2 E[z^2] + 1 - abar (TADM, Fig. 3).

    Args:
        energy: E[z^2].
        alphas: abar(t) for t = 0, 1, ... as Stable Diffusion counts; None = the compact family's, t = 0..1000.
    """
    if alphas is not None:
        signal = np.asarray(alphas)
        return np.arange(len(signal), dtype=np.float64), (1 - np.sqrt(signal)) ** 2 * energy + 1 - signal
    t = torch.arange(T_MAX + 1, dtype=torch.float64)
    signal = alpha_bar(t).numpy()
    return t.numpy(), (1 - np.sqrt(signal)) ** 2 * energy + 1 - signal


def equal_timestep(error: Floats | float, energy: float, alphas: list[float] | None = None) -> Floats:
    """The timestep whose diffusion error equals a rescaling error; arguments as in `diffusion_error`."""
    t, curve = diffusion_error(energy, alphas)
    return np.asarray(np.interp(error, curve, t))


def rank_correlation(a: list[float], b: list[float]) -> float:
    """Spearman's rank correlation, -1..1; equal values share their mean rank. NaN if one side is constant."""
    if min(len(set(a)), len(set(b))) < 2:
        return float("nan")
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def draw_errors(data: dict[str, Any]) -> Figure:
    """Left: the diffusion error by timestep, and where each scale's errors lie on it. Right: predictions a tile."""
    figure, (left, right) = canvas(2, width=4.8, height=4.2)
    alphas = data.get("alphas")
    tile = "64 px tiles" if alphas is None else "the denoiser's tiles"
    t, curve = diffusion_error(data["energy"], alphas)
    left.plot(t[1:], curve[1:], color="#222222", linewidth=1.2, label="diffusion, by timestep")
    for i, one in enumerate(data["scales"]):
        colour, exact = _COLOURS.get(one["scale"], "#333333"), "PNG" in one["label"]
        line = "solid" if exact else "dashed"
        at, low, high = (
            max(1.0, float(equal_timestep(error, data["energy"], alphas)))
            for error in (one["error"], *np.percentile(one["tiles"], [10, 90]))
        )
        left.plot(
            [1, at], [one["error"]] * 2, color=colour, linestyle=line, marker="o", markevery=[1], markersize=4,
            linewidth=1.2, label=f"{one['label']}: t = {at:.0f}, tiles {low:.0f}-{high:.0f}",
        )  # fmt: skip
        # All ranges lie on one curve; below it, a row each, they can be told apart.
        left.plot(
            [low, high], [0.03 + 0.035 * i] * 2, color=colour, linestyle=line, linewidth=2,
            transform=left.get_xaxis_transform(),
        )  # fmt: skip
        rank = rank_correlation(one["tiles"], one["timesteps"])
        right.plot(
            one["tiles"], one["timesteps"], color=colour, marker="o", markersize=2.5, linestyle="none", alpha=0.45,
            markerfacecolor=colour if exact else "none", markeredgewidth=0.6,
            label=one["label"] if np.isnan(rank) else f"{one['label']}: rank correlation {rank:.2f}",
        )  # fmt: skip
    least = min(one["error"] for one in data["scales"])
    highest = max(2.0, 2 * max(one["error"] for one in data["scales"]))
    left.set(xscale="log", yscale="log", xlim=(1, T_MAX), ylim=(min(least / 30, curve[1] / 10), highest),
             xlabel="timestep", ylabel="mean square error of the latent")  # fmt: skip
    left.set_title(f"dots: scaling errs as much as diffusion; bars: 10-90% of {tile}", fontsize=8, loc="left")
    right.set(xscale="log", ylim=(0, 210), xlabel=f"rescaling error of {tile}", ylabel="predicted timestep")
    figure.legend(*left.get_legend_handles_labels(), fontsize=7, loc="outside lower left", ncols=2)
    figure.legend(*right.get_legend_handles_labels(), fontsize=7, loc="outside lower right", ncols=2)
    return figure


def draw_map(
    pixels: PixelArray, decoded: PixelArray, timesteps: Floats, caption: str, family: str = "compact"
) -> Figure:
    """The original, the timestep of every tile over it, and the decoded picture (TADM, Fig. 8).

    Args:
        pixels: of the original, uint8 [H, W, 3].
        decoded: likewise.
        timesteps: [rows, columns] of the family's tiles.
        caption: of the decoded picture.
        family: of the model: it decides where the tiles lie; where they overlap their mean is drawn.
    """
    height, width = pixels.shape[:2]
    figure, axes = canvas(3, width=4.2, height=4.2 * height / width + 0.5)
    for axis, picture, title in zip(
        axes, (pixels, pixels, decoded), ("original", "predicted timesteps", caption), strict=True
    ):
        axis.imshow(picture, interpolation="bilinear")
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.grid(visible=False)
    # the map's own range: the bar says which, and differences are what the picture is for
    low = np.floor(timesteps.min() / 10) * 10
    high = max(np.ceil(timesteps.max() / 10) * 10, low + 10)
    values = spread(timesteps, Size(width, height), family)
    shown = axes[1].imshow(
        values, extent=(0, 8 * values.shape[1], 8 * values.shape[0], 0), cmap="inferno", alpha=0.5,
        interpolation="nearest", vmin=low, vmax=high,
    )  # fmt: skip
    axes[1].set(xlim=(0, width), ylim=(height, 0))
    bar = figure.colorbar(shown, ax=axes[1], fraction=0.035, pad=0.02, label="timestep")
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    return figure


def save_map_data(path: Path, timesteps: Floats) -> None:
    """Write the map as CSV, one row of tiles a line."""
    path.write_text("\n".join(",".join(f"{t:.1f}" for t in row) for row in timesteps) + "\n")


def _ranks(values: list[float]) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = counts.cumsum() - (counts - 1) / 2
    return np.asarray(means[place], np.float64)


def _latent(pixels: PixelArray) -> Floats:
    return pixels.astype(np.float64) / 127.5 - 1

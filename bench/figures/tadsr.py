"""TADSR's figures and tables on our packages: the dial, its latents, what the teacher says, what it costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from bench.codecs.tadm import Variant
from bench.figures.style import canvas
from bench.figures.tables import Table
from bench.metrics.catalog import ALL
from bench.photos import PixelArray
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.geometry import LATENT_HR_MULTIPLE
from codec.models.tadsr.pipeline import TadsrPipeline
from codec.training.sd21.degradation import enlarged
from codec.training.tadsr.config import TadsrStageConfig
from codec.training.tadsr.scores import ScoreNetwork
from codec.training.tadsr.tavsd import clean, noised, tavsd_loss

SWEEP = (100, 200, 300, 400, 500, 600)
LATENT_TIMES = (1, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999)
SHOWN_TIMES = (100, 300, 600)
#: Measures of the sweep's curves, of which those that a run has are drawn.
_DRAWN = ("psnr", "ssim", "musiq", "topiq", "qalign", "ms_ssim", "texture", "stlpips")


def sweep_table(record: dict[str, Any]) -> Table:
    """One row a timestep, a column a measure that the run has (Table 3)."""
    names = [n for n in ALL if any(n in line["metrics"] for line in record["summary"])]
    rows = []
    for t, line in _by_timestep(record):
        values = [f"{line['metrics'][n]:.{ALL[n].digits}f}" if n in line["metrics"] else "-" for n in names]
        rows.append([f"{t:g}", f"{line['bpp']:.4f}", *values])
    return ["t_s", "bpp", *(ALL[n].title for n in names)], rows


def draw_sweep(record: dict[str, Any]) -> Figure:
    """Measures over the timestep (Fig. 6)."""
    lines = _by_timestep(record)
    names = [n for n in _DRAWN if all(n in line["metrics"] for _, line in lines)][:4]
    figure, axes = canvas(len(names), width=3.2)
    for name, axis in zip(names, axes, strict=True):
        axis.plot([t for t, _ in lines], [line["metrics"][name] for _, line in lines], color="#d62728", marker="o")
        axis.set(xlabel="t_s", ylabel=f"{ALL[name].title}{ALL[name].arrow}")
    return figure


def lr_of(pixels: PixelArray, scale: int) -> PixelArray:
    """The downscale of a picture, its sides cut to multiples of 64 first, uint8 [h, w, 3]."""
    from codec.geometry import Box, Size
    from codec.tiling.downscale import downscaled

    height, width = (side // LATENT_HR_MULTIPLE * LATENT_HR_MULTIPLE for side in pixels.shape[:2])
    whole = np.ascontiguousarray(pixels[:height, :width])
    return downscaled(whole, Box(0, 0, width, height), Size(width // scale, height // scale))


def prepared(pipeline: TadsrPipeline, lr: PixelArray) -> Tensor:
    """An LR, enlarged as the decoder does: float [1, 3, H, W] in [-1, 1] on the pipeline's device."""
    x = from_uint8(torch.from_numpy(lr.copy()).permute(2, 0, 1)[None])
    return enlarged(x, pipeline.scale).to(pipeline.denoiser.prompt.device)


@torch.no_grad()
def latents(pipeline: TadsrPipeline, x: Tensor) -> dict[int, Tensor]:
    """z_L of the enlarged LR at every timestep of `LATENT_TIMES`, float [4, h, w] (Fig. 3)."""
    return {t: pipeline.encode(x, t)[0].cpu() for t in LATENT_TIMES}


def latent_table(found: dict[int, Tensor]) -> Table:
    """Mean and standard deviation of the latent by timestep."""
    rows = [[str(t), f"{float(z.mean()):.5f}", f"{float(z.std()):.5f}"] for t, z in found.items()]
    return ["t_s", "mean", "standard deviation"], rows


def draw_latents(found: dict[int, Tensor]) -> Figure:
    """Mean and standard deviation over the timestep, and the latents as pictures of their first three components."""
    shown = [t for t in LATENT_TIMES if t in (1, 300, 500, 999)]
    figure, axes = canvas(2 + len(shown), width=2.8)
    for axis, name, value in ((axes[0], "mean", Tensor.mean), (axes[1], "standard deviation", Tensor.std)):
        axis.plot(list(found), [float(value(z)) for z in found.values()], color="#d62728", marker="o", markersize=3)
        axis.set(xlabel="t_s", ylabel=f"{name} of z_L")
    basis = _components(torch.stack([found[t] for t in shown]))
    for axis, t in zip(axes[2:], shown, strict=True):
        axis.imshow(basis(found[t]), interpolation="nearest")
        axis.set(title=f"t_s = {t}", xticks=[], yticks=[])
        axis.grid(visible=False)
    return figure


@torch.no_grad()
def guidance(
    pipeline: TadsrPipeline, scores: ScoreNetwork, x: Tensor, times: tuple[int, ...], draws: int
) -> tuple[Table, dict[int, tuple[PixelArray, PixelArray]]]:
    """What teacher and fake score say of the student's latent, by the teacher's timestep (Fig. 1b and 4).

    Args:
        pipeline: the student.
        scores: teacher and fake score.
        x: the enlarged LR, float [1, 3, H, W].
        times: t_v.
        draws: noises a timestep.

    Returns:
        Mean and standard deviation of the normalised loss over the noises, by t_v; and for the times of `SHOWN_TIMES`
        the pictures of teacher and fake score, uint8 [H, W, 3].
    """
    t_s, stage = pipeline.config.dial[1], TadsrStageConfig()
    z, schedule = pipeline.restore(x, t_s).z0, pipeline.alphas_cumprod
    rows, pictures = [], {}
    for t in times:
        time_v = torch.tensor([t], device=z.device)
        g = torch.tensor([stage.guidance + stage.guidance_slope * t], device=z.device)
        losses = []
        for draw in range(draws):
            noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(draw)).to(z)
            losses.append(float(tavsd_loss(z, noise, scores, time_v, g, schedule)))
            if draw == 0 and t in SHOWN_TIMES:
                z_t = noised(z, noise, schedule[time_v])
                both = (scores.teacher(z_t, time_v, g), scores.fake(z_t, time_v))
                pictures[t] = tuple(_picture(pipeline, clean(z_t, eps, schedule[time_v])) for eps in both)
        rows.append([str(t), f"{np.mean(losses):.5f}", f"{np.std(losses):.5f}"])
    return (["t_v", "mean of the loss", "standard deviation"], rows), pictures  # type: ignore[return-value]


def draw_guidance(table: Table, pictures: dict[int, tuple[PixelArray, PixelArray]]) -> Figure:
    """The loss over t_v, and the pictures of teacher and fake score beside it."""
    figure, axes = canvas(1 + len(pictures), 2, width=2.8)
    times = [int(row[0]) for row in table[1]]
    for i, (axis, name) in enumerate(((axes[0], "mean"), (axes[1 + len(pictures)], "standard deviation")), 1):
        axis.plot(times, [float(row[i]) for row in table[1]], color="#d62728", marker="o", markersize=3)
        axis.set(xlabel="t_v", ylabel=f"{name} of the loss")
    for column, (t, both) in enumerate(pictures.items(), 1):
        for row, (picture, name) in enumerate(zip(both, ("teacher", "fake score"), strict=True)):
            axis = axes[row * (1 + len(pictures)) + column]
            axis.imshow(picture)
            axis.set(title=f"{name}, t_v = {t}", xticks=[], yticks=[])
            axis.grid(visible=False)
    return figure


def cost_table(pipeline: TadsrPipeline, side: int = 128, repeats: int = 3) -> Table:
    """Parameters by part, and the time of one picture of `side` pixels to `scale` times that (Table 7)."""
    unet, vae = pipeline.denoiser.unet, pipeline.encoder.vae
    time_layers = sum(p.numel() for n, p in vae.named_parameters() if "time_emb" in n)
    encoder = sum(p.numel() for p in vae.encoder.parameters()) - time_layers
    parts = {
        "VAE encoder": encoder, "its time layers": time_layers, "U-Net": _size(unet), "VAE decoder": _size(vae.decoder)
    }  # fmt: skip
    device, size = pipeline.denoiser.prompt.device, side * pipeline.scale
    x, times = torch.zeros(1, 3, size, size, device=device), []
    for _ in range(1 + repeats):
        begin = time.perf_counter()
        pipeline.restore(x, pipeline.config.dial[1])
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    rows = [[name, f"{count / 1e6:.2f} M"] for name, count in parts.items()]
    rows.append(["all", f"{sum(parts.values()) / 1e6:.2f} M"])
    rows.append([f"{side} -> {size}, median of {repeats} on {device.type}", f"{np.median(times[1:]):.4f} s"])
    return ["part", "parameters or time"], rows


def with_fake_score(scores: ScoreNetwork, state: Path) -> ScoreNetwork:
    """The fake score of a training run's `state.safetensors`, in place."""
    from safetensors.torch import load_file

    stored = load_file(state)
    for name, tensor in scores.tensors().items():
        tensor.data.copy_(stored[f"live/fake/{name}"])
    return scores


def _by_timestep(record: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    found = []
    for line in record["summary"]:
        variant = Variant.parse(line["codec"])
        if variant is not None and variant.timestep is not None:
            found.append((variant.timestep, line))
    return sorted(found, key=lambda pair: pair[0])


def _components(z: Tensor) -> Any:  # noqa: ANN401 - a closure
    """Maps a latent to a picture of the three directions in which these latents vary most."""
    flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).double()
    mean = flat.mean(0)
    _, _, directions = torch.linalg.svd(flat - mean, full_matrices=False)
    along = (flat - mean) @ directions[:3].T
    low, high = along.quantile(0.02, 0), along.quantile(0.98, 0)

    def picture(one: Tensor) -> npt.NDArray[np.float64]:
        values = (one.permute(1, 2, 0).double() - mean) @ directions[:3].T
        scaled: npt.NDArray[np.float64] = ((values - low) / (high - low)).clamp(0, 1).numpy()
        return scaled

    return picture


def _picture(pipeline: TadsrPipeline, z0: Tensor) -> PixelArray:
    pixels = to_uint8(pipeline.latent_codec.decode(z0))[0].permute(1, 2, 0)
    found: PixelArray = pixels.contiguous().cpu().numpy()
    return found


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

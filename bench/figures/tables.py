"""Tables of the papers on our models, as Markdown and CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.errors import BenchError
from bench.metrics.catalog import ALL
from bench.metrics.panel import measure, prepare
from bench.photos import Photo
from bench.summary import wins

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Table = tuple[list[str], list[list[str]]]

#: Columns of Table 1: the paper's, then ours that need no weights.
_COMPARED = ("psnr", "psnr_y", "ssim", "lpips_vgg", "dists", "musiq", "clipiqa", "ms_ssim", "texture", "patch_fd")
_BOUND = ("psnr", "psnr_y", "ssim", "ms_ssim")
_SIDE_OF_TABLE_3 = 1024
_MEBIBYTE = 2**20


def write(table: Table, out: Path, name: str, caption: str) -> list[Path]:
    """Write `name.md` and `name.csv`."""
    header, rows = table
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.md", out / f"{name}.csv"]
    paths[0].write_text(f"{caption}\n\n{markdown(table)}")
    with paths[1].open("w", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows])
    return paths


def markdown(table: Table) -> str:
    """A table in Markdown."""
    header, rows = table
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def comparison(record: dict[str, Any]) -> Table:
    """Table 1: every codec's lossless LR at the scales of the run; measures without weights say so."""
    header = ["codec", "bpp", *(ALL[n].title for n in _COMPARED)]
    order = {name: (codec["scale"], i) for i, (name, codec) in enumerate(record["codecs"].items())}
    lines = sorted(record["summary"], key=lambda s: order[s["codec"]])
    return header, [
        [record["codecs"][s["codec"]]["title"], f"{s['bpp']:.4f}", *(_value(record, s, n) for n in _COMPARED)]
        for s in lines
    ]


def rescaling_spaces(lines: list[tuple[tuple[bool, bool, bool], dict[str, Any], dict[str, Any]]]) -> Table:
    """Table 2: in which space is rescaled, and whether Stable Diffusion takes part.

    Args:
        lines: (latent space, pixel space, SD prior), record and summary line of each row.
    """
    header = ["", "latent space", "pixel space", "SD prior", "bpp", *(ALL[n].title for n in _COMPARED)]
    return header, [
        [record["codecs"][line["codec"]]["title"], *("yes" if mark else "no" for mark in marks), f"{line['bpp']:.4f}",
         *(_value(record, line, n) for n in _COMPARED)]
        for marks, record, line in lines
    ]  # fmt: skip


def speed(record: dict[str, Any]) -> Table:
    """Table 3: time and memory at 1024 x 1024, or at the largest measured size below it."""
    sides = [row["side"] for row in record["rows"] if row["side"] <= _SIDE_OF_TABLE_3]
    side = max(sides, default=min(row["side"] for row in record["rows"]))
    header = [
        "codec",
        "side",
        "encode, s",
        "decode, s",
        "decode cold, s",
        "encode, MiB",
        "decode, MiB",
        "decode GPU, MiB",
    ]
    rows = []
    for row in record["rows"]:
        if row["side"] != side:
            continue
        encode, decode = row["encode"], row["decode"]
        gpu = "-" if decode["gpu_bytes"] is None else f"{decode['gpu_bytes'] / _MEBIBYTE:.0f}"
        rows.append([
            record["codecs"][row["codec"]]["title"], str(side), f"{encode['warm_seconds']:.3f}",
            f"{decode['warm_seconds']:.3f}", f"{decode['cold_seconds']:.3f}", f"{encode['peak_bytes'] / _MEBIBYTE:.0f}",
            f"{decode['peak_bytes'] / _MEBIBYTE:.0f}", gpu,
        ])  # fmt: skip
    return header, rows


def upper_bound(record: dict[str, Any], latent_codecs: dict[str, list[dict[str, float]]]) -> Table:
    """Table 4: the latent codec alone, which no rescaler can exceed, beside 4x rescaling with a lossless LR.

    Args:
        record: of the run `bench.figures.runs.upper_bound`.
        latent_codecs: per latent codec, the measures of every photograph.
    """
    header = ["", *(ALL[n].title for n in _BOUND)]
    rows = []
    for name, values in latent_codecs.items():
        exact = all(v["psnr"] > 100 for v in values)
        means = {n: float(np.mean([v[n] for v in values])) for n in _BOUND if all(n in v for v in values)}
        shown = [f"{means[n]:.{ALL[n].digits}f}" if n in means else "-" for n in _BOUND]
        rows.append([name, *(["exact", "exact", *shown[2:]] if exact else shown)])
    for line in record["summary"]:
        rows.append([record["codecs"][line["codec"]]["title"], *(_value(record, line, n) for n in _BOUND)])
    return header, rows


def winners(record: dict[str, Any]) -> Table:
    """Who is best at every rate and measure, and the best of ours and of the others."""
    metrics = [m for m in ALL if any(m in line["metrics"] for line in record["summary"])]

    def shown(line: dict[str, Any], who: str, value: str) -> str:
        if line[who] is None:
            return "-"
        return f"{record['codecs'][line[who]]['title']}: {line[value]:.{ALL[line['metric']].digits}f}"

    lines = sorted(wins(record["summary"], metrics), key=lambda w: (metrics.index(w["metric"]), w["target"]))
    return ["measure", "bpp", "best", "best of ours", "best of the others"], [
        [ALL[w["metric"]].title, f"{w['target']:g}", shown(w, "codec", "value"), shown(w, "ours", "ours_value"),
         shown(w, "peer", "peer_value")]
        for w in lines
    ]  # fmt: skip


def means(record: dict[str, Any], metrics: tuple[str, ...]) -> Table:
    """Every codec at every rate: means of some measures, over how many photographs where not all."""
    targets = sorted({line["target"] for line in record["summary"]})
    header = ["at most", "codec", "bpp", *(ALL[m].title for m in metrics)]
    rows = []
    for target in targets:
        for line in (s for s in record["summary"] if s["target"] == target):
            part = f" ({line['n']})" if line["n"] < line["of"] else ""
            title = record["codecs"][line["codec"]]["title"] + part
            rows.append([f"{target:g}", title, f"{line['bpp']:.4f}", *(_value(record, line, m) for m in metrics)])
    return header, rows


def bd_rates(record: dict[str, Any], anchor: str) -> Table:
    """BD-rate of every codec against one, per cent; in brackets the photographs compared, where not all.

    Codecs that share no range with it by any measure are left out.
    """
    from bench.bd import bd_table, metrics_of

    if anchor not in record["codecs"]:
        raise BenchError(f"codec {anchor!r} is not in these results; there are {', '.join(record['codecs'])}")
    metrics = metrics_of(record["rows"])
    found = {(line["codec"], line["metric"]): line for line in bd_table(record["rows"], anchor, metrics)}
    images = len(record["photos"]["images"])
    rows = []
    for codec in dict.fromkeys(codec for codec, _ in found):
        cells = []
        for metric in metrics:
            line = found[codec, metric]
            part = f" ({line['n']})" if line["n"] < images else ""
            cells.append("no overlap" if line["rate"] is None else f"{line['rate']:+.1f}%{part}")
        if any(found[codec, metric]["rate"] is not None for metric in metrics):
            rows.append([record["codecs"][codec]["title"], *cells])
    return ["codec", *(ALL[m].title for m in metrics)], rows


def space_to_depth(photos: list[Photo]) -> list[dict[str, float]]:
    """Measures of the compact family's latent codec alone: pixels -> latent -> pixels."""
    from codec.models.compact.v1.config import LATENT_FACTOR
    from codec.models.compact.v1.latent import PixelLatent
    from codec.models.device import resolve_device

    return [_through(photo, LATENT_FACTOR, PixelLatent(), resolve_device("cpu")) for photo in photos]


def vae(photos: list[Photo], folder: Path, device: str) -> list[dict[str, float]]:
    """Measures of a diffusers VAE alone: pixels -> mode of the posterior -> pixels, rounded to 8 bits."""
    import torch
    from diffusers import AutoencoderKL

    from codec.models.device import resolve_device
    from codec.models.sd21.vae import LatentCodec

    where = resolve_device(device)
    latent = LatentCodec(AutoencoderKL.from_pretrained(folder).eval())
    latent.place(where, torch.float32)
    return [_through(photo, 8, latent, where) for photo in photos]


class _LatentCodec(Protocol):
    def encode(self, x: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in [-1, 1] -> latent."""

    def decode(self, z: Tensor) -> Tensor:
        """Latent -> pixels."""


def _through(photo: Photo, multiple: int, latent: _LatentCodec, device: torch.device) -> dict[str, float]:
    """Measures of pixels -> latent -> pixels, on the part of a photograph whose sides are multiples of something."""
    import torch

    height, width = (n // multiple * multiple for n in photo.pixels.shape[:2])
    pixels = photo.pixels[:height, :width]
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        back = latent.decode(latent.encode(x.to(device))).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return measure(prepare(pixels), prepare(back[0].permute(1, 2, 0).cpu().numpy()))


def _value(record: dict[str, Any], line: dict[str, Any], name: str) -> str:
    if name in line["metrics"]:
        return f"{line['metrics'][name]:.{ALL[name].digits}f}"
    state = record["metrics"][name]["state"]
    return "too small" if state == "ok" else str(state)

"""Measure the table behind `--bpp` and `--max-bytes`: `python tools/measure_rates.py PHOTOS [--last 24] [--scale 16]`.

Encodes and decodes whole files at realism 0 and effort fast, as an encoder does that looks at what it has coded, and
writes codec/encoding/table.json: per scale and payload, mean bpp and mean luma MS-SSIM a quality. It says where looking
begins.
PHOTOS is a folder of photographs or of tar shards; the last squares in order of reading are used, which training holds
out.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.console import Console
from rich.progress import track

import codec
from codec.codings import LOSSLESS_PAYLOADS
from codec.models.store import packages
from codec.training.losses import ms_ssim
from codec.training.store import read_photographs

TABLE = Path(__file__).resolve().parent.parent / "codec/encoding/table.json"
QUALITIES = (0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 68, 76, 86, 99)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Luma MS-SSIM of two uint8 pictures [H, W, 3]."""
    x, y = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (a, b))
    return float(ms_ssim(x, y))


def measure(photos: list[np.ndarray], scale: int, payload: str, quality: int, model: str | None) -> tuple[float, float]:
    """Mean bpp and mean MS-SSIM at one setting."""
    options: dict[str, Any] = {"scale": scale, "payload": payload, "effort": "fast"} | (
        {"quality": quality} if payload == "av1" else {}
    )
    rates, scores = [], []
    for pixels in photos:
        data = codec.encode(pixels, model=model, **options)
        rates.append(codec.read_info(data).bpp)
        scores.append(similarity(pixels, np.asarray(codec.decode(data, model=model, realism=0))))
    return float(np.mean(rates)), float(np.mean(scores))


@click.command()
@click.argument("photos", type=click.Path(path_type=Path, exists=True))
@click.option("--last", default=24, help="Squares to measure on.")
@click.option("--scale", "wanted", type=int, multiple=True, help="Measure these, keep the rest of the table.")
@click.option("--model", help="Model package folder; default: the shipped one.")
def main(photos: Path, last: int, wanted: tuple[int, ...], model: str | None) -> None:
    """Write the table."""
    squares = [p for p in read_photographs(photos, (448, 288)) if min(p.shape[:2]) >= 400][-last:]
    found = packages(model)[0]
    scales = wanted or found.scales
    settings: list[tuple[int, str, tuple[int, ...]]] = [(s, "av1", QUALITIES) for s in scales]
    settings += [(s, payload, (100,)) for s in scales for payload in LOSSLESS_PAYLOADS]
    curves = [row for row in json.loads(TABLE.read_text())["curves"] if wanted and row["scale"] not in wanted]
    for scale, payload, qualities in track(settings, console=Console(stderr=True)):
        points = [measure(squares, scale, payload, q, model) for q in qualities]
        curves.append(
            {
                "scale": scale,
                "payload": payload,
                "quality": list(qualities),
                "bpp": [round(r, 5) for r, _ in points],
                "ms_ssim": [round(s, 5) for _, s in points],
            }
        )
    table = {
        "command": f"python tools/measure_rates.py PHOTOS --last {last}",
        "model": found.name,
        "pictures": f"{len(squares)} held-out squares of {squares[0].shape[0]} px",
        "date": f"{datetime.now(tz=UTC):%Y-%m-%d}",
        "curves": sorted(curves, key=lambda row: (row["payload"], row["scale"])),
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()

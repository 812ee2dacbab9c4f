"""Super-resolution as its papers measure it: a folder of small pictures, and maybe the folder of their originals.

No file of ours is in between: `codec.restore` enlarges a bare picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import codec
from bench.errors import BenchError
from bench.figures.tables import Table
from bench.metrics.catalog import ALL
from bench.metrics.external import NO_REFERENCE, measure_external, ready
from bench.metrics.panel import Values, measure, prepare
from bench.photos import PixelArray, list_photos, read_photo


def pairs(small: Path, originals: Path | None, limit: int | None) -> list[tuple[Path, Path | None]]:
    """Small pictures with their originals, which have the same name before the ending.

    Raises:
        BenchError: a picture has no original.
    """
    found: list[tuple[Path, Path | None]] = []
    known = {} if originals is None else {p.stem: p for p in list_photos(originals)}
    for path in list_photos(small, limit):
        if originals is not None and path.stem not in known:
            raise BenchError(f"{path.name}: {originals} has no picture of that name")
        found.append((path, known.get(path.stem)))
    return found


def run(
    pictures: list[tuple[Path, Path | None]], enlarge: Callable[[PixelArray], PixelArray], out: Path | None,
    on_done: Callable[[int, int, str], None] = lambda *_: None,
) -> Values:  # fmt: skip
    """Enlarge pictures and measure them; the mean of every measure that all of them have.

    Args:
        pictures: see `pairs`.
        enlarge: uint8 [h, w, 3] -> uint8 [H, W, 3].
        out: folder for the results as PNG; None = they are not kept.
        on_done: told after every picture.

    Raises:
        BenchError: a result does not have its original's size.
    """
    every: list[Values] = []
    for count, (path, original) in enumerate(pictures, 1):
        made = enlarge(read_photo(path).pixels)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made).save(out / f"{path.stem}.png")
        every.append(_measured(made, None if original is None else read_photo(original).pixels, path.name))
        on_done(count, len(pictures), path.stem)
    names = [n for n in ALL if all(n in values for values in every)]
    return {name: float(np.mean([values[name] for values in every])) for name in names}


def table(rows: dict[str, Values]) -> Table:
    """A line a method, a column a measure that any of them has."""
    names = [n for n in ALL if any(n in values for values in rows.values())]
    lines = [
        [label, *(f"{values[n]:.{ALL[n].digits}f}" if n in values else "-" for n in names)]
        for label, values in rows.items()
    ]
    return ["", *(f"{ALL[n].title}{ALL[n].arrow}" for n in names)], lines


def restorer(model: str, scale: int | None, timestep: float | None, device: str) -> Callable[[PixelArray], PixelArray]:
    """Enlarges by a package of ours, which stays loaded."""
    engine = codec.Engine(model=model, device=device)

    def enlarge(pixels: PixelArray) -> PixelArray:
        made = codec.restore(pixels, engine=engine, scale=scale, fixed_timestep=timestep)
        return np.array(made.convert("RGB"))

    return enlarge


def bicubic(scale: int) -> Callable[[PixelArray], PixelArray]:
    """Enlarges without a model."""

    def enlarge(pixels: PixelArray) -> PixelArray:
        size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
        return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    return enlarge


def _measured(made: PixelArray, original: PixelArray | None, name: str) -> Values:
    if original is None:
        return measure_external(made, made, ready() & NO_REFERENCE)
    if original.shape != made.shape:
        sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (made, original)]
        raise BenchError(f"{name}: enlarged to {sizes[0]}, its original has {sizes[1]}")
    return measure(prepare(original), prepare(made)) | measure_external(original, made)

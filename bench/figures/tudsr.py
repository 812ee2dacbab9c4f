"""TUDSR's tables on our packages: one pass against two (Tables 4 and 5), and what each size costs (Table 3)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import codec
from bench.errors import BenchError
from bench.figures.tables import Table
from bench.photos import PixelArray
from codec.geometry import Box, Size
from codec.lr import PictureLr
from codec.models.family import Runtime
from codec.models.tudsr.config import TudsrConfig
from codec.models.tudsr.decoding import TudsrRestorer
from codec.models.tudsr.geometry import extended_lr
from codec.models.tudsr.package import load_weights
from codec.models.tudsr.passes import Pass

#: Sides of Table 3's small pictures.
SIDES = (128, 256)
#: Arithmetic of both passes at 1024 x 1024 as M2N2, in seconds at 790 TFLOP/s (an H200 in bf16): the floor.
FLOOR = ("floor, 2 x 2 to 1024 on an H200", 0.031)
#: Passes of a variant: number of the adapter, and how much it enlarges.
_Variant = tuple[tuple[int, int], ...]


def variants(config: TudsrConfig) -> dict[str, _Variant]:
    """The paper's variants of a package of two passes: M4, N4 and M2N2, or M8, N8 and M4N2: all of the enlargement by
    the first adapter alone, by the second alone, or shared.

    Raises:
        BenchError: it has one pass.
    """
    if len(config.split) != 2:
        raise BenchError("a package of one pass; these tables need two")
    (m, n), whole = config.split, config.scale
    return {f"M{whole}": ((0, whole),), f"N{whole}": ((1, whole),), f"M{m}N{n}": ((0, m), (1, n))}


def config_of(folder: Path) -> TudsrConfig:
    """Of a package.

    Raises:
        BenchError: it is of another family.
    """
    from codec.models.package import open_package

    family = open_package(folder).family.name
    if family != "tudsr":
        raise BenchError(f"{folder}: a package of the family {family}, expected tudsr")
    return load_weights(folder)[0].config


def enlargers(folder: Path, device: str) -> dict[str, Callable[[PixelArray], PixelArray]]:
    """Every variant of a package, as something that enlarges pictures; the package is loaded once."""
    config = config_of(folder)
    found, restorer = variants(config), TudsrRestorer.load(folder, Runtime(device=device))
    return {name: _enlarger(restorer, config, variant) for name, variant in found.items()}


def _enlarger(
    restorer: TudsrRestorer, config: TudsrConfig, variant: _Variant
) -> Callable[[PixelArray], PixelArray]:  # fmt: skip
    kernels = ("bicubic", "bilinear")
    passes = [Pass(factor, kernels[n], restorer.network(n, config.timesteps[n])) for n, factor in variant]

    def enlarge(pixels: PixelArray) -> PixelArray:
        hr = Size(pixels.shape[1] * config.scale, pixels.shape[0] * config.scale)
        size = extended_lr(hr, config.scale, variant[0][1])
        lr = PictureLr(pixels).crop(Box(0, 0, size.width, size.height))
        return np.concatenate(list(restorer.rows(lr, passes, Box(0, 0, hr.width, hr.height))))

    return enlarge


def time_table(folders: list[Path], sides: tuple[int, ...], device: str, repeats: int = 3) -> Table:
    """Seconds from a small picture in memory to the large one in memory, warm, and of the first pass's preview."""
    rows = []
    for folder in folders:
        config = config_of(folder)
        name = "".join(f"{letter}{factor}" for letter, factor in zip("MN", config.split, strict=False))
        with codec.Engine(model=str(folder), device=device) as engine:
            for side in sides:
                small = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
                both, one = (_timed(small, engine, config.scale, passes, repeats) for passes in (2, 1))
                rows.append([f"{side} -> {side * config.scale}", name, f"{both:.4f}", f"{one:.4f}"])
    return ["size", "split", f"seconds, median of {repeats}", "first pass, enlarged"], rows


def _timed(small: PixelArray, engine: codec.Engine, scale: int, passes: int, repeats: int) -> float:
    times = []
    for _ in range(1 + repeats):  # the first loads and warms up; the pixels' way to the host waits for the device
        begin = time.perf_counter()
        codec.restore(small, engine=engine, scale=scale, passes=passes)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])

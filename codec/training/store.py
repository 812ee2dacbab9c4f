"""Photographs cut into squares, with their LR pictures coded by the real payloads ahead of time.

A *crop store* is a folder of plain `.npy` arrays, one group a crop side:

    hr_448.npy       uint8 [N, 448, 448, 3]
    lr4_448.npy      uint8 [N, K, 112, 112, 3]   LR after coding and decoding, at K random qualities
    quality4_448.npy uint8 [N, K]                their qualities, 100 = lossless

The last `holdout` squares, in order of reading, are kept apart in `holdout_*.npy` files of the same form: every choice
between models is made on them.
"""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from codec.downscale import lr_strips
from codec.errors import InputError
from codec.image.sources import ArrayRows
from codec.payload.av1 import Av1Payload
from codec.payload.base import PixelArray

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
#: Sides a photograph is cut to: the largest that fits. Multiples of 32, the largest scale.
_SIDES = (448, 288)
#: Quality range of the AV1 payload seen in training, a scale; smaller scales need finer LR at the same rate.
_QUALITIES = {4: (6, 78), 8: (8, 90), 16: (10, 98), 32: (14, 98)}


def read_photographs(source: Path) -> Iterator[PixelArray]:
    """Squares of a folder of photographs or of tar shards, uint8 [side, side, 3], in order of name.

    Raises:
        InputError: the folder holds neither photographs nor tar shards.
    """
    shards = sorted(source.glob("*.tar"))
    files = sorted(p for p in source.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not shards and not files:
        raise InputError(f"{source}: no photographs ({', '.join(sorted(_SUFFIXES))}) and no .tar shards")
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                handle = tar.extractfile(member)
                if handle is not None and Path(member.name).suffix.lower() in _SUFFIXES:
                    yield from _squares(handle.read())
    for path in files:
        yield from _squares(path.read_bytes())


def _squares(data: bytes) -> Iterator[PixelArray]:
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    h, w = pixels.shape[:2]
    side = next((s for s in _SIDES if min(h, w) >= s), None)
    if side is None:
        return
    for top in range((h % side) // 2, h - side + 1, side):
        for left in range((w % side) // 2, w - side + 1, side):
            yield pixels[top : top + side, left : left + side]


def _coded(hr: PixelArray, seed: int, *, scales: tuple[int, ...], variants: int) -> dict[str, Any]:
    rng, av1 = np.random.default_rng(seed), Av1Payload()
    out: dict[str, Any] = {"hr": hr}
    for scale in scales:
        (lr,) = lr_strips(ArrayRows(hr), scale, hr.shape[0] // scale)
        low, high = _QUALITIES[scale]
        pictures, qualities = [], []
        # one variant a stratum, so that every photograph is seen from coarse to fine; 16 and 32 also lossless
        edges = np.linspace(low, high, variants + 1)
        for i in range(variants):
            if scale >= 16 and i == 0:
                pictures.append(lr)
                qualities.append(100)
                continue
            q = int(rng.uniform(edges[i], edges[i + 1]))
            data = av1.encode(lr, quality=q, effort="fast")
            pictures.append(av1.decode(data, width=lr.shape[1], height=lr.shape[0]))
            qualities.append(q)
        out[f"lr{scale}"], out[f"quality{scale}"] = np.stack(pictures), np.array(qualities, np.uint8)
    return out


def prepare(
    source: Path, store: Path, *, scales: tuple[int, ...], variants: int, holdout: int, workers: int,
    limit: int | None = None, on_progress: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Write a crop store.

    Args:
        source: folder of photographs or of tar shards.
        store: folder to write; made if absent.
        scales: HR/LR ratios to code.
        variants: coded LR pictures a square and scale.
        holdout: squares at the end kept apart.
        workers: processes.
        limit: read at most so many squares.
        on_progress: called with the number of squares done.
    """
    squares = list(islice(read_photographs(source), limit))
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(workers) as pool:
        code = partial(_coded, scales=scales, variants=variants)
        for row in pool.map(code, squares, range(len(squares)), chunksize=16):
            rows.append(row)
            on_progress(len(rows))
    store.mkdir(parents=True, exist_ok=True)
    cut = max(0, len(rows) - holdout)
    for prefix, part in (("", rows[:cut]), ("holdout_", rows[cut:])):
        groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in part:
            groups[row["hr"].shape[0]].append(row)
        for side, group in groups.items():
            for key in group[0]:
                np.save(store / f"{prefix}{key}_{side}.npy", np.stack([r[key] for r in group]))

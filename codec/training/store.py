"""Photographs cut into squares, as a folder of plain `.npy` arrays, one a square side: the *crop store*.

hr_448.npy, hr_288.npy        uint8 [N, side, side, 3]
holdout_hr_448.npy, ...       the last squares in order of reading: every choice between models is made on them
"""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from codec.arrays import PixelArray
from codec.errors import InputError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def read_photographs(source: Path, sides: tuple[int, ...]) -> Iterator[PixelArray]:
    """Squares of a folder of photographs or of tar shards, uint8 [side, side, 3], in order of name.

    A photograph is cut to the first of `sides` that fits it.

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
                    yield from _squares(handle.read(), sides)
    for path in files:
        yield from _squares(path.read_bytes(), sides)


def _squares(data: bytes, sides: tuple[int, ...]) -> Iterator[PixelArray]:
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    h, w = pixels.shape[:2]
    side = next((s for s in sides if min(h, w) >= s), None)
    if side is None:
        return
    for top in range((h % side) // 2, h - side + 1, side):
        for left in range((w % side) // 2, w - side + 1, side):
            yield pixels[top : top + side, left : left + side]


def prepare(
    source: Path, store: Path, *, holdout: int, limit: int | None = None, sides: tuple[int, ...],
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Write a crop store.

    Args:
        source: folder of photographs or of tar shards.
        store: folder to write; made if absent.
        holdout: squares at the end kept apart.
        limit: read at most so many squares.
        sides: of squares, multiples of 32, the largest scale, from the largest; what fits none of them is left out.
        on_progress: called with the number of squares done.
    """
    groups: dict[tuple[str, int], list[PixelArray]] = defaultdict(list)
    last: deque[PixelArray] = deque()
    for number, square in enumerate(islice(read_photographs(source, sides), limit), 1):
        last.append(square)
        if len(last) > holdout:
            first = last.popleft()
            groups["", first.shape[0]].append(first)
        on_progress(number)
    for square in last:
        groups["holdout_", square.shape[0]].append(square)
    store.mkdir(parents=True, exist_ok=True)
    for (prefix, side), squares in groups.items():
        np.save(store / f"{prefix}hr_{side}.npy", np.stack(squares))

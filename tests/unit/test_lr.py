"""The stored LR: slabs are decoded when they are looked at, and only so many are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codec.codings import Coding
from codec.container.file import Header, TadmFile
from codec.geometry import Box, Size, slab_boxes
from codec.lr import StoredLr
from codec.payload.png import PngPayload

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SLAB = Size(20, 16)


@pytest.fixture
def file() -> TadmFile:
    header = Header(size=Size(240, 160), scale=4, coding=Coding.PNG, quality=100, grid=0, model_id=bytes(8))
    parts = [PIXELS[b.y : b.y + b.height, b.x : b.x + b.width] for b in slab_boxes(Size(60, 40), SLAB)]
    payloads = [PngPayload().encode(np.ascontiguousarray(part)) for part in parts]
    return TadmFile(header=header, slab=SLAB, payloads=payloads)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each decoded slab had."""
    seen: list[int] = []
    plain = PngPayload.decode

    def decode(self: PngPayload, data: bytes, **named: Any) -> Any:
        seen.append(len(data))
        return plain(self, data, **named)

    monkeypatch.setattr(PngPayload, "decode", decode)
    return seen


def test_any_part_is_the_part_of_the_whole(file: TadmFile) -> None:
    lr = StoredLr(file)
    assert np.array_equal(lr.whole(), PIXELS)
    for box in (Box(0, 0, 1, 1), Box(19, 15, 2, 2), Box(35, 3, 25, 37)):
        assert np.array_equal(lr.crop(box), PIXELS[box.y : box.y + box.height, box.x : box.x + box.width])
    beyond = lr.crop(Box(50, 30, 14, 13))
    assert np.array_equal(beyond[:10, :10], PIXELS[30:, 50:])
    assert np.array_equal(beyond[10], beyond[8])


def test_a_slab_is_decoded_when_it_is_looked_at(file: TadmFile, decoded: list[int]) -> None:
    lr = StoredLr(file)
    assert decoded == []
    lr.crop(Box(0, 0, 20, 16))
    lr.crop(Box(5, 5, 3, 3))
    assert decoded == [len(file.payloads[0])]


def test_only_so_many_are_kept(file: TadmFile, decoded: list[int]) -> None:
    """Two slabs of 960 bytes fit: of three in turn the oldest has to leave each time."""
    lr = StoredLr(file, kept_bytes=2 * 20 * 16 * 3)
    for number in (0, 1, 0, 1):
        lr.slab(number)
    assert len(decoded) == 2
    for number in (2, 0, 1, 2):
        lr.slab(number)
    assert len(decoded) == 6
    alone = StoredLr(file, kept_bytes=0)
    decoded.clear()
    for number in (0, 0, 1, 0):
        alone.slab(number)
    assert len(decoded) == 3

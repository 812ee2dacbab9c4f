from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import geometry
from codec.codings import Coding
from codec.container.reader import read
from codec.decoding.alpha import alpha_of
from codec.errors import FormatError
from codec.geometry import Box
from codec.payload.alpha import decode_alpha, encode_alpha


def ramp(width: int = 60, height: int = 40) -> np.ndarray:
    return (np.add.outer(np.arange(height) * 3, np.arange(width) * 2) % 256).astype(np.uint8)


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_lossless_by_default(effort: str) -> None:
    name, [data] = encode_alpha([ramp()], quality=None, effort=effort)
    assert name in {Coding.PNG, Coding.WEBP}
    assert np.array_equal(decode_alpha(name, data, width=60, height=40), ramp())


def test_lossy_is_smaller_and_close() -> None:
    noisy = np.clip(ramp() * 0.5 + np.random.default_rng(0).normal(60, 8, (40, 60)), 0, 255).astype(np.uint8)
    lossless, (name, [lossy]) = encode_alpha([noisy], quality=None)[1][0], encode_alpha([noisy], quality=60)
    assert name is Coding.AV1
    assert len(lossy) < len(lossless) / 2
    assert np.abs(decode_alpha(name, lossy, width=60, height=40).astype(int) - noisy).mean() < 8


def test_half_of_it_is_refused() -> None:
    name, [data] = encode_alpha([ramp()], quality=None)
    with pytest.raises(FormatError):
        decode_alpha(name, data[: len(data) // 2], width=60, height=40)


@pytest.mark.parametrize("quality", [None, 70])
def test_alpha_comes_back_with_the_picture(quality: int | None, tiny_package: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    image.putalpha(Image.fromarray(ramp()))
    data = codec.encode(image, alpha_quality=quality, model=str(tiny_package))
    back = np.asarray(codec.decode(data, model=str(tiny_package)))[..., 3].astype(int)
    assert np.abs(back - ramp()).max() <= (0 if quality is None else 90)
    assert np.abs(back - ramp()).mean() <= (0 if quality is None else 6)


def test_a_region_reads_only_the_parts_it_touches(tiny_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "ONE_SLAB_PIXELS", 1)
    monkeypatch.setattr(geometry, "SLAB_SIDE", 64)
    image = Image.fromarray(np.zeros((150, 200, 3), np.uint8))
    alpha = ramp(200, 150)
    image.putalpha(Image.fromarray(alpha))
    file = read(codec.encode(image, model=str(tiny_package)))
    assert file.alpha is not None
    assert len(file.alpha.parts) == len(file.payloads) == 12
    whole = alpha_of(file, Box(0, 0, 200, 150))
    assert whole is not None
    assert np.array_equal(whole, alpha)
    damaged = replace(file, alpha=replace(file.alpha, parts=(b"broken", *file.alpha.parts[1:])))
    part = alpha_of(damaged, Box(70, 60, 100, 90))
    assert part is not None
    assert np.array_equal(part, alpha[60:150, 70:170])

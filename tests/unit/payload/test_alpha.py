from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.errors import FormatError
from codec.payload.alpha import decode_alpha, encode_alpha


def ramp(width: int = 60, height: int = 40) -> np.ndarray:
    return (np.add.outer(np.arange(height) * 3, np.arange(width) * 2) % 256).astype(np.uint8)


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_lossless_by_default(effort: str) -> None:
    name, data = encode_alpha(ramp(), quality=None, effort=effort)
    assert name in {"png", "webp"}
    assert np.array_equal(decode_alpha(name, data, width=60, height=40), ramp())


def test_lossy_is_smaller_and_close() -> None:
    noisy = np.clip(ramp() * 0.5 + np.random.default_rng(0).normal(60, 8, (40, 60)), 0, 255).astype(np.uint8)
    lossless, (name, lossy) = encode_alpha(noisy, quality=None)[1], encode_alpha(noisy, quality=60)
    assert name == "av1"
    assert len(lossy) < len(lossless) / 2
    assert np.abs(decode_alpha(name, lossy, width=60, height=40).astype(int) - noisy).mean() < 8


def test_a_side_too_long_for_webp_is_written_as_png() -> None:
    assert encode_alpha(np.zeros((1, 16385), np.uint8), quality=None)[0] == "png"


def test_half_of_it_is_refused() -> None:
    name, data = encode_alpha(ramp(), quality=None)
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

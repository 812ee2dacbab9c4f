"""The LR writer: its reach, its strips, and that only encoders need it."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

import codec
from codec.downscale import lr_strips
from codec.errors import ModelError
from codec.image.sources import ArrayRows
from codec.models.compact.package import load_package, save_package
from codec.models.compact.v1.config import CompactConfig
from codec.models.compact.v1.model import CompactModel
from codec.models.compact.v1.writer import LRWriter
from codec.models.compact.writing import CompactWriter
from codec.models.identity import open_package

SCALES = (4, 8, 16, 32)


@pytest.fixture(scope="module")
def package(tiny_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny package with a writer for every scale, whose residual is some grey levels."""
    plain = load_package(tiny_package)
    torch.manual_seed(1)
    model = CompactModel(CompactConfig.from_dict(plain.config.to_dict() | {"writers": SCALES, "writer_width": 8}))
    model.load_state_dict(plain.state_dict(), strict=False)
    for scale in SCALES:
        torch.nn.init.normal_(model.writer(scale).conv_out.weight, 0, 0.02)
    folder = tmp_path_factory.mktemp("models") / "writing"
    save_package(model, folder)
    return folder


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1009 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def lr_of(pixels: np.ndarray, scale: int, package: Path, height: int, quality: int = 100) -> np.ndarray:
    writer = CompactWriter.load(package, scale)
    return np.concatenate(list(lr_strips(ArrayRows(pixels), scale, height, writer=writer, quality=quality)))


@pytest.mark.parametrize("scale", SCALES)
def test_reach_is_within_the_halo(scale: int) -> None:
    torch.manual_seed(0)
    writer = LRWriter(CompactConfig(scales=(scale,), writers=(scale,), writer_width=4), scale)
    torch.nn.init.normal_(writer.conv_out.weight)
    side = 2 * writer.halo + 8 * scale
    hr = torch.zeros(1, 3, side, side, dtype=torch.float64).requires_grad_()
    out = writer.double()(hr, torch.ones(1, 1, 1, 1, dtype=torch.float64))
    middle = out.shape[-1] // 2
    out[..., middle, middle].sum().backward()
    assert hr.grad is not None
    touched = hr.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    first, last = middle * scale - int(touched.min()), int(touched.max()) - (middle * scale + scale - 1)
    assert 0 < max(first, last) <= writer.halo
    assert writer.halo % scale == 0


@pytest.mark.parametrize("scale", SCALES)
def test_strips_and_blocks_give_what_the_whole_picture_gives(
    scale: int, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise(330, 290)
    whole = lr_of(pixels, scale, package, 1000)
    plain = np.concatenate(list(lr_strips(ArrayRows(pixels), scale, 1000)))
    change = np.abs(whole.astype(int) - plain)
    assert 0.3 < change.mean() < 30
    monkeypatch.setattr("codec.downscale._BLOCK_SIDE", 96)
    strips = lr_of(pixels, scale, package, 3)
    # Pillow rounds strips of the downscale differently, by one level at most
    assert np.abs(whole.astype(int) - strips).max() <= 1
    assert np.mean(whole != strips) < 0.02


def test_the_quality_is_an_input(package: Path) -> None:
    pixels = noise(64, 64)
    assert np.any(lr_of(pixels, 16, package, 9, quality=20) != lr_of(pixels, 16, package, 9, quality=100))


def test_encoding_uses_the_writer(package: Path, tiny_package: Path) -> None:
    pixels = noise(96, 64)
    data = codec.encode(pixels, scale=16, payload="png", model=package)
    assert np.array_equal(codec.thumbnail(data), lr_of(pixels, 16, package, 99))
    plain = codec.encode(pixels, scale=16, payload="png", model=tiny_package)
    assert np.any(codec.thumbnail(data) != codec.thumbnail(plain))


def test_only_encoders_need_it(package: Path, tiny_package: Path, tmp_path: Path) -> None:
    """Same id, and decoding works, with and without a writer."""
    assert open_package(package).model_id(16) == open_package(tiny_package).model_id(16)
    copy = copytree(package, tmp_path / "copy")
    (copy / "writer16.safetensors").unlink()
    data = codec.encode(noise(40, 40), scale=16, payload="png", model=package)
    assert np.array_equal(codec.decode(data, model=copy), codec.decode(data, model=tiny_package))
    with pytest.raises(ModelError, match=r"writer16\.safetensors is missing"):
        codec.encode(noise(40, 40), scale=16, payload="png", model=copy)


def test_a_writer_needs_its_scale() -> None:
    with pytest.raises(ModelError, match="writers for"):
        CompactConfig(scales=(4,), writers=(16,))
    with pytest.raises(ModelError, match="no LR writer for scale 4"):
        CompactModel(CompactConfig(scales=(4,))).writer(4)

"""The LR writer: its reach, its strips, and that only encoders need it."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

import codec
from codec.errors import ModelError
from codec.image.rows_in import ArrayRows
from codec.models.compact import encoding
from codec.models.compact.encoding import CompactLrEncoder
from codec.models.compact.package import save_package
from codec.models.compact.torch_networks import TorchWriter
from codec.models.compact.v2.config import SCALES, CompactConfig
from codec.models.compact.v2.model import CompactModel
from codec.models.compact.v2.reach import writer_halo
from codec.models.compact.v2.writer import LRWriter
from codec.models.package import open_package

SMALL = {"width": 8, "deep_width": 8, "blocks": (1, 1, 1), "climb_blocks": 1, "writer_width": 8, "writer_blocks": 1}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package without writers."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "plain"
    save_package(CompactModel(CompactConfig(**SMALL)), folder)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a writer for every scale, whose residual is some grey levels."""
    torch.manual_seed(0)
    model = CompactModel(CompactConfig(writers=SCALES, **SMALL))  # type: ignore[arg-type]
    for scale in SCALES:
        torch.nn.init.normal_(model.writer(scale).conv_out.weight, 0, 0.02)
    folder = tmp_path_factory.mktemp("models") / "writing"
    save_package(model, folder)
    return folder


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1009 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def lr_of(pixels: np.ndarray, scale: int, package: Path, height: int, quality: int = 100) -> np.ndarray:
    encoder = CompactLrEncoder(scale, TorchWriter.load(package, scale))
    return np.concatenate(list(encoder.strips(ArrayRows(pixels), height, quality)))


def test_neighbouring_qualities_share_an_lr(package: Path) -> None:
    """So that a search writes it once for several of them."""
    encoder = CompactLrEncoder(4, TorchWriter.load(package, 4))
    assert encoder.told(48) == encoder.told(52) != encoder.told(60)
    assert encoder.told(100) == 100
    assert CompactLrEncoder(4, None).told(48) is None
    pixels = noise(64, 64)
    same, other = (lr_of(pixels, 4, package, 16, quality) for quality in (52, 95))
    assert np.array_equal(lr_of(pixels, 4, package, 16, 48), same)
    assert not np.array_equal(same, other)


@pytest.mark.parametrize("scale", SCALES)
def test_reach_is_within_the_halo(scale: int) -> None:
    torch.manual_seed(0)
    config = CompactConfig(scales=(scale,), writers=(scale,), writer_width=4)
    writer, halo, unit = LRWriter(config, scale), writer_halo(config, scale), max(4, scale)
    torch.nn.init.normal_(writer.conv_out.weight)
    side = 2 * halo + 8 * unit
    hr = torch.zeros(1, 3, side, side, dtype=torch.float64).requires_grad_()
    out = writer.double()(hr, torch.ones(1, 1, 1, 1, dtype=torch.float64))
    middle = out.shape[-1] // 2 // (unit // scale) * (unit // scale)
    out[..., middle, middle].sum().backward()
    assert hr.grad is not None
    touched = hr.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    first, last = middle * scale - int(touched.min()), int(touched.max()) - (middle * scale + scale - 1)
    assert 0 < max(first, last) <= halo
    assert halo % unit == 0


@pytest.mark.parametrize("scale", SCALES)
def test_strips_and_blocks_give_what_the_whole_picture_gives(
    scale: int, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise(330, 290)
    whole = lr_of(pixels, scale, package, 1000)
    bare = np.concatenate(list(CompactLrEncoder(scale, None).strips(ArrayRows(pixels), 1000, 100)))
    change = np.abs(whole.astype(int) - bare)
    assert 0.3 < change.mean() < 30
    monkeypatch.setattr(encoding, "_SIDE", 96)
    strips = lr_of(pixels, scale, package, 12 if scale < 4 else 3)  # a strip begins on a whole cell
    # Pillow rounds strips of the downscale differently, by one level at most
    assert np.abs(whole.astype(int) - strips).max() <= 1
    assert np.mean(whole != strips) < 0.02


def test_the_quality_is_an_input(package: Path) -> None:
    pixels = noise(64, 64)
    assert np.any(lr_of(pixels, 16, package, 9, quality=20) != lr_of(pixels, 16, package, 9, quality=100))


def test_encoding_uses_the_writer(package: Path, plain: Path) -> None:
    pixels = noise(96, 64)
    data = codec.encode(pixels, scale=16, payload="png", model=package)
    assert np.array_equal(np.asarray(codec.thumbnail(data)), lr_of(pixels, 16, package, 99))
    bare = codec.encode(pixels, scale=16, payload="png", model=plain)
    assert codec.thumbnail(data) != codec.thumbnail(bare)


def test_only_encoders_need_it(package: Path, plain: Path, tmp_path: Path) -> None:
    """Same id, and decoding works, with and without a writer."""
    assert open_package(package).model_id(16) == open_package(plain).model_id(16)
    copy = copytree(package, tmp_path / "copy")
    (copy / "writer16.safetensors").unlink()
    data = codec.encode(noise(40, 40), scale=16, payload="png", model=package)
    assert codec.decode(data, model=copy) == codec.decode(data, model=plain)
    with pytest.raises(ModelError, match=r"writer16\.safetensors is missing"):
        codec.encode(noise(40, 40), scale=16, payload="png", model=copy)


def test_a_writer_needs_its_scale() -> None:
    with pytest.raises(ModelError, match="writers for"):
        CompactConfig(scales=(4,), writers=(16,))
    with pytest.raises(ModelError, match="no LR writer for scale 4"):
        CompactModel(CompactConfig(scales=(4,))).writer(4)

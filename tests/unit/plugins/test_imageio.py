"""imageio v3 on `.tadm` files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codec

iio = pytest.importorskip("imageio.v3", reason="imageio is not installed")


@pytest.fixture
def path(
    photo: Callable[[int, int], np.ndarray], tmp_path: Path, tiny_package: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    import codec.plugins.imageio  # noqa: F401 - registers

    monkeypatch.setenv("TADMC_MODELS", str(tiny_package.parent))  # where the tiny model is found by its id
    iio.imwrite(tmp_path / "a.tadm", photo(200, 136), quality=50, scale=4, model=str(tiny_package))
    return tmp_path / "a.tadm"


def test_read(path: Path) -> None:
    pixels = iio.imread(path, realism=0)
    assert np.array_equal(pixels, np.asarray(codec.decode(path, realism=0)))
    pixels[0, 0] = 0  # may be written
    assert np.array_equal(iio.imread(path, lr=True), np.asarray(codec.thumbnail(path)))
    assert np.array_equal(
        iio.imread(path, region=(8, 16, 32, 24), realism=0)[1:], iio.imread(path, realism=0)[17:40, 8:40]
    )
    assert iio.imread(path, index=..., lr=True).shape == (1, 34, 50, 3)
    assert [frame.shape for frame in iio.imiter(path, lr=True)] == [(34, 50, 3)]
    with pytest.raises(ValueError, match="one picture"):
        iio.imread(path, index=1)


def test_properties_decode_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.lr.payload_for", lambda coding: pytest.fail("decoded"))
    properties = iio.improps(path)
    assert (properties.shape, properties.dtype, properties.is_batch) == ((136, 200, 3), np.uint8, False)
    assert iio.improps(path, index=...).shape == (1, 136, 200, 3)
    metadata = iio.immeta(path)
    assert metadata["scale"] == 4
    assert "exif" in metadata


def test_write(photo: Callable[[int, int], np.ndarray], path: Path, tmp_path: Path) -> None:
    pixels = photo(64, 48)
    data = iio.imwrite("<bytes>", pixels, extension=".tadm", scale=8)
    assert data == codec.encode(pixels, scale=8)
    assert iio.imread(data, lr=True, extension=".tadm").shape == (6, 8, 3)
    target = io.BytesIO()
    iio.imwrite(target, pixels[None], plugin="tadm", scale=8)
    assert target.getvalue() == data
    rgba = np.dstack([pixels, np.full((48, 64), 9, np.uint8)])
    iio.imwrite(tmp_path / "b.tadm", rgba, scale=8)
    assert iio.improps(tmp_path / "b.tadm").shape == (48, 64, 4)
    for wrong in ([pixels, pixels], pixels.astype(float), rgba.astype(np.uint16)):
        with pytest.raises(ValueError, match=r"one picture|array is"):
            iio.imwrite(tmp_path / "c.tadm", wrong)


def test_other_files_are_left_to_others(path: Path, photo: Callable[[int, int], np.ndarray], tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", photo(8, 8))
    assert iio.imread(tmp_path / "a.png").shape == (8, 8, 3)
    (tmp_path / "png.tadm").write_bytes((tmp_path / "a.png").read_bytes())
    assert iio.imread(tmp_path / "png.tadm").shape == (8, 8, 3)
    with pytest.raises(OSError, match="can not handle"):
        iio.imread(tmp_path / "a.png", plugin="tadm")

"""`bpp` and `max_bytes` on a real picture, with a table of the test's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.encoding import table
from codec.encoding.encoder import encode
from codec.models.store import shipped


@pytest.fixture(autouse=True)
def small_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rows = [
        {"scale": s, "payload": "av1", "quality": [0, 50, 99], "bpp": [0.2 / s, 1 / s, 6 / s], "ms_ssim": m}
        for s, m in ((4, [0.6, 0.9, 0.95]), (8, [0.55, 0.8, 0.85]))
    ]
    rows.append({"scale": 16, "payload": "png", "quality": [100], "bpp": [0.07], "ms_ssim": [0.7]})
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"model": "tiny", "curves": rows}))
    monkeypatch.setattr(table, "_FILE", path)
    table.curves.cache_clear()
    yield
    table.curves.cache_clear()


@pytest.mark.parametrize("limit", [150, 400, 1200])
def test_never_more_than_max_bytes(limit: int, photo: Callable[[int, int], np.ndarray], tiny_package: Path) -> None:
    data = codec.encode(photo(256, 192), max_bytes=limit, effort="fast", model=str(tiny_package))
    assert 0.5 * limit < len(data) <= limit
    assert codec.read_info(data).width == 256


def test_bpp_counts_the_whole_file_and_fixed_settings_stay(
    photo: Callable[[int, int], np.ndarray], tiny_package: Path
) -> None:
    data = codec.encode(photo(256, 192), bpp=0.1, scale=8, effort="fast", model=str(tiny_package))
    info = codec.read_info(data)
    assert info.scale == 8
    assert info.bpp <= 0.1


def test_an_impossible_target_names_the_smallest(photo: Callable[[int, int], np.ndarray], tiny_package: Path) -> None:
    with pytest.raises(codec.InputError, match=r"at most 30 bytes; the smallest possible is \d+ bytes"):
        codec.encode(photo(256, 192), max_bytes=30, effort="fast", model=str(tiny_package))
    with pytest.raises(codec.InputError, match="no scale and payload"):
        codec.encode(photo(256, 192), max_bytes=300, scale=32, model=str(tiny_package))


@pytest.mark.parametrize("chroma", ["420", "444"])
def test_chroma_beside_a_target(photo: Callable[[int, int], np.ndarray], tiny_package: Path, chroma: str) -> None:
    data = codec.encode(photo(256, 192), max_bytes=900, chroma=chroma, effort="fast", model=str(tiny_package))
    assert codec.read_info(data).payload == "av1"
    other = codec.encode(photo(256, 192), max_bytes=900, chroma={"420": "444", "444": "420"}[chroma], effort="fast",
                         model=str(tiny_package))  # fmt: skip
    assert data != other


@pytest.mark.parametrize("limit", [300, 433, 612, 951, 1500])
def test_what_is_said_gives_the_same_bytes_again(
    photo: Callable[[int, int], np.ndarray], tiny_package: Path, limit: int
) -> None:
    with codec.Engine(model=str(tiny_package)) as engine:
        made = encode(photo(256, 192), codec.EncodeOptions(max_bytes=limit), engine)
        assert len(made.data) <= limit
        assert encode(photo(256, 192), made.options, engine).data == made.data


def test_a_table_of_another_model_is_not_used(photo: Callable[[int, int], np.ndarray]) -> None:
    with pytest.raises(codec.InputError, match="no table of rates for the model compact-"):
        codec.encode(photo(64, 64), bpp=0.1, effort="fast")


def test_the_table_is_of_the_shipped_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    table.curves.cache_clear()
    newest = shipped()[0]
    curves = table.curves(newest.name)
    assert curves is not None
    assert {curve.scale for curve in curves} == set(newest.scales)

"""TUDSR's tables on a tiny package."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")

import codec
from bench.cli import main
from bench.codecs.base import CodecOptions, Expected
from bench.codecs.registry import make
from bench.codecs.tadm import Variant
from bench.figures import published
from bench.figures.tudsr import enlargers
from bench.photos import Photo as BenchPhoto

Photo = Callable[[int, int], np.ndarray]


def call(*words: str | Path) -> Result:
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    return done


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_which_adapter_enlarges(tiny_tudsr: Path, tiny_tadsr: Path, photo: Photo, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder, scale in ((small, 1), (large, 4)):
        folder.mkdir()
        Image.fromarray(photo(scale * 36, scale * 30)).save(folder / "one.png")
    shared: list[str | Path] = ["--originals", large, "--out", tmp_path / "out", "--device", "cpu"]
    call("figure", "tudsr-passes", small, "--model", tiny_tudsr, *shared)
    found = {row[""]: row for row in rows(tmp_path / "out/tudsr-passes.csv")}
    assert list(found) == ["bicubic", "M4", "N4", "M2N2"]
    assert len({row["PSNR (RGB) \N{UPWARDS ARROW}"] for row in found.values()}) == 4
    assert "Table 4, as published" in (tmp_path / "out/tudsr-passes-published.md").read_text()
    with Image.open(tmp_path / "out/tudsr-passes.png") as page:
        assert page.width > 4 * 120
    both = enlargers(tiny_tudsr, "cpu")["M2N2"](photo(36, 30))
    assert np.array_equal(both, np.asarray(codec.restore(photo(36, 30), model=tiny_tudsr)))
    wrong = CliRunner().invoke(
        main, [str(w) for w in ("figure", "tudsr-passes", small, "--model", tiny_tadsr, *shared)]
    )
    assert wrong.exit_code == 1
    assert "expected tudsr" in wrong.stderr


def test_time(tiny_tudsr: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["--side", "16", "--repeats", "1", "--device", "cpu"]
    call("figure", "tudsr-time", "--out", tmp_path, "--model", tiny_tudsr, *words)
    line, floor = rows(tmp_path / "tudsr-time.csv")
    assert (line["size"], line["split"]) == ("16 -> 64", "M2N2")
    assert float(line["seconds, median of 1"]) > 0
    assert floor["seconds, median of 1"] == "0.0310"
    assert ".4201" in (tmp_path / "tudsr-time-published.csv").read_text()


def test_published_tables_are_whole() -> None:
    for table in (published.TUDSR_TIME, *published.TUDSR_PASSES.values(), *published.TUDSR_SR.values()):
        assert {len(line) for line in table[1]} == {len(table[0])}
    assert published.TUDSR_SR[4][1][2][-2:] == ["71.9250", ".6329"]


@pytest.mark.slow
def test_a_preview_as_a_codec(tiny_tudsr: Path, photo: Photo) -> None:
    for name in ("tadm/4:p1", "tadm/4:r0.5:p1", "tadm/8-png:r1:t300:p1"):
        variant = Variant.parse(name)
        assert variant is not None
        assert (str(variant), variant.passes) == (name, 1)
    options = CodecOptions(model=str(tiny_tudsr), device="cpu")
    one, both = (make(f"tadm/4:r1{p}", options) for p in (":p1", ""))
    assert one.encode_key == both.encode_key
    data, expected = both.encode(BenchPhoto("p", photo(60, 48)), 40), Expected(name="p", width=60, height=48)
    made = [c.decode(data, expected) for c in (one, both)]
    assert [m.timesteps for m in made] == [[[200.0]], [[200.0, 50.0]]]
    assert not np.array_equal(made[0].pixels, made[1].pixels)


def test_stand_in(tmp_path: Path) -> None:
    call("stand-in", tmp_path / "p", "--shapes", "tiny", "--family", "tudsr", "--split", "4x2")
    wrong = CliRunner().invoke(
        main, ["stand-in", str(tmp_path / "q"), "--shapes", "tiny", "--family", "tudsr", "--split", "4x3"]
    )
    assert wrong.exit_code == 1
    assert not (tmp_path / "q").exists()
    assert codec.read_info(codec.encode(np.zeros((64, 64, 3), np.uint8), model=str(tmp_path / "p"))).scale == 8

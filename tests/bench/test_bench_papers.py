"""TADSR's figures and tables, and super-resolution of folders, on a tiny package."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("diffusers", reason="the tadsr family needs diffusers")

from bench.cli import main

Photo = Callable[[int, int], np.ndarray]


def call(*words: str | Path) -> Result:
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    return done


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, photo: Photo) -> Path:
    path = tmp_path_factory.mktemp("papers") / "one.png"
    Image.fromarray(photo(128, 128)).save(path)
    return path


@pytest.mark.slow
def test_the_dial(picture: Path, tiny_tadsr: Path, tmp_path: Path) -> None:
    call("figure", "tadsr-sweep", picture, "--out", tmp_path, "--model", tiny_tadsr, "--no-external", "--target", "0.3")
    found = rows(tmp_path / "tadsr-sweep.csv")
    assert [row["t_s"] for row in found] == ["100", "200", "300", "400", "500", "600"]
    assert len({row["PSNR (RGB)"] for row in found}) > 1
    assert len({row["bpp"] for row in found}) == 1  # the same file
    assert (tmp_path / "tadsr-sweep.png").stat().st_size > 0
    assert "as published" in (tmp_path / "tadsr-sweep-published.md").read_text()


@pytest.mark.long
def test_ablation(picture: Path, tiny_tadsr: Path, tmp_path: Path) -> None:
    labelled = [f"full={tiny_tadsr}", f"again={tiny_tadsr}"]
    call("figure", "tadsr-ablation", picture, *labelled, "--out", tmp_path, "--no-external", "--target", "0.3")
    full, again = rows(tmp_path / "tadsr-ablation.csv")
    assert (full.pop("variant"), again.pop("variant")) == ("full", "again")
    assert full == again
    wrong = CliRunner().invoke(main, ["figure", "tadsr-ablation", str(picture), "full", "--out", str(tmp_path)])
    assert wrong.exit_code == 1
    assert "expected LABEL=PACKAGE" in wrong.stderr


@pytest.mark.slow
def test_latents_follow_the_timestep(picture: Path, tiny_tadsr: Path, tmp_path: Path) -> None:
    call("figure", "tadsr-latents", picture, "--out", tmp_path, "--model", tiny_tadsr, "--device", "cpu")
    found = rows(tmp_path / "tadsr-latents.csv")
    assert len(found) == 11
    assert len({row["mean"] for row in found}) > 1
    assert (tmp_path / "tadsr-latents.svg").stat().st_size > 0


@pytest.mark.slow
def test_guidance(picture: Path, tiny_tadsr: Path, tiny_release: Path, tmp_path: Path) -> None:
    prompt: list[str | Path] = ["--negative-prompt", tiny_release / "prompt.npy"]
    call("figure", "tadsr-guidance", picture, "--out", tmp_path, "--model", tiny_tadsr, *prompt, "--draws", "2")
    found = rows(tmp_path / "tadsr-guidance.csv")
    assert [row["t_v"] for row in found][:2] == ["50", "100"]
    # the same prompt twice and an untrained fake score: guidance has nothing to add, and both say the same
    assert all(float(row["mean of the loss"]) < 1e-6 for row in found)


@pytest.mark.slow
def test_cost(tiny_tadsr: Path, tmp_path: Path) -> None:
    call("figure", "tadsr-cost", "--out", tmp_path, "--model", tiny_tadsr, "--side", "64", "--device", "cpu")
    found = rows(tmp_path / "tadsr-cost.csv")
    assert [row["part"] for row in found][:4] == ["VAE encoder", "its time layers", "U-Net", "VAE decoder"]
    assert found[-1]["parameters or time"].endswith(" s")


@pytest.mark.slow
def test_super_resolution_of_a_folder(tiny_tadsr: Path, tiny_package: Path, photo: Photo, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder, scale in ((small, 1), (large, 4)):
        folder.mkdir()
        for name, width in (("one", 48), ("two", 56)):
            Image.fromarray(photo(scale * width, scale * 44)).save(folder / f"{name}.png")
    models: list[str | Path] = ["--model", tiny_tadsr, "--model", tiny_package]
    call("sr", small, "--originals", large, "--out", tmp_path / "out", *models, "--device", "cpu")
    found = {row[""]: row for row in rows(tmp_path / "out/sr.csv")}
    assert list(found) == ["bicubic", tiny_tadsr.name, tiny_package.name]
    assert len({row["PSNR (RGB) \N{UPWARDS ARROW}"] for row in found.values()}) == 3
    with Image.open(tmp_path / "out" / tiny_tadsr.name / "two.png") as made:
        assert made.size == (224, 176)
    call("sr", small, "--out", tmp_path / "alone", "--model", tiny_package, "--no-keep", "--device", "cpu")
    assert not (tmp_path / "alone" / tiny_package.name).exists()
    (large / "two.png").unlink()
    words = ["sr", str(small), "--originals", str(large), "--out", str(tmp_path), "--model", str(tiny_package)]
    wrong = CliRunner().invoke(main, words)
    assert "no picture of that name" in wrong.stderr

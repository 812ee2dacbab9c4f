"""Files of the `tadsr` family, and files of the compact family read by it, on a tiny stand-in (checks S12 and S13)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("diffusers", reason="the tadsr family needs diffusers")
pytest.importorskip("peft", reason="the tadsr family needs peft")

import codec
from bench.random_sd21 import make_tadsr
from codec.cli import main
from codec.container.constants import GridPreset
from codec.container.reader import read
from codec.container.writer import write
from codec.errors import FormatError, InputError, ModelError
from codec.models.package import open_package
from codec.models.tadsr import pipeline as tadsr_pipeline
from codec.models.tadsr.package import load_package


def photo(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + k) + np.cos(y / 7 - k) for k in range(3)]
    return np.clip(128 + 50 * np.stack(waves, 2), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def coded(tiny_tadsr: Path) -> bytes:
    return codec.encode(photo(120, 150), model=str(tiny_tadsr))


def pixels(data: bytes, model: Path, **named: Any) -> np.ndarray:
    return np.asarray(codec.decode(data, model=model, **named)).astype(int)


def test_s12_the_lr_is_the_plain_downscale(tiny_tadsr: Path) -> None:
    data = codec.encode(photo(120, 160), model=str(tiny_tadsr), payload="png")
    want = Image.fromarray(photo(120, 160)).resize((40, 30), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(codec.thumbnail(data)), np.asarray(want))


@pytest.mark.parametrize("size", [(97, 131), (5, 3)])
@pytest.mark.slow
def test_s12_another_scale_and_odd_sizes(tiny_release: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    make_tadsr(tmp_path / "x8", tiny_release, scale=8, seed=3)
    height, width = size
    data = codec.encode(photo(height, width), model=str(tmp_path / "x8"), payload="png")
    lr = codec.thumbnail(data)
    assert lr.size == (-(-width // 8), -(-height // 8))
    made = codec.decode(data, model=tmp_path / "x8", realism=0.25)
    assert (made.size, made.info["timesteps"]) == ((width, height), ((200,),))
    assert codec.restore(lr, model=tmp_path / "x8", realism=0.25).size == (8 * lr.width, 8 * lr.height)


def test_the_file_says_what_it_is(coded: bytes) -> None:
    info = codec.read_info(coded)
    assert (info.scale, info.payload, info.grid) == (4, "av1", GridPreset.PICTURE_TIME)
    assert coded[4] == 0x11  # format 1.1
    with pytest.raises(ModelError, match="written for model"):
        codec.decode(coded)


def test_s12_realism_is_the_timestep(coded: bytes, tiny_tadsr: Path) -> None:
    ends = {r: codec.decode(coded, model=tiny_tadsr, realism=r) for r in (0.0, 0.5, 1.0)}
    assert {r: image.info["timesteps"] for r, image in ends.items()} == {0: ((100,),), 0.5: ((300,),), 1: ((500,),)}
    assert ends[1.0].size == (150, 120)
    for t, r in ((100, 0.0), (500, 1.0)):
        assert np.array_equal(pixels(coded, tiny_tadsr, fixed_timestep=t), np.asarray(ends[r]))
    assert np.array_equal(pixels(coded, tiny_tadsr), np.asarray(ends[1.0]))
    assert len({np.asarray(image).tobytes() for image in ends.values()}) == 3


def test_s12_timesteps_beyond_the_schedule(coded: bytes, tiny_tadsr: Path, tmp_path: Path) -> None:
    assert codec.decode(coded, model=tiny_tadsr, fixed_timestep=999).info["timesteps"] == ((999,),)
    with pytest.raises(InputError, match="999"):
        codec.decode(coded, model=tiny_tadsr, fixed_timestep=1000)
    path = tmp_path / "a.tadm"
    path.write_bytes(coded)
    words = ["decode", str(path), str(tmp_path / "a.png"), "--model", str(tiny_tadsr), "--timestep", "1000"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "0<=x<=999" in done.stderr
    assert not (tmp_path / "a.png").exists()


def test_s13_it_reads_files_of_the_compact_family(tiny_package: Path, tiny_tadsr: Path) -> None:
    data = codec.encode(photo(120, 150), model=str(tiny_package))
    with pytest.raises(ModelError, match="written for model"):
        codec.decode(data, model=tiny_tadsr)
    made = codec.decode(data, model=tiny_tadsr, any_model=True, realism=0.5)
    assert made.size == (150, 120)
    assert made.info["timesteps"] == ((300,),)
    # a map of the compact family's tiles says nothing to it
    file = read(data)
    mapped = write(replace(file, timesteps=bytes(6)))
    assert codec.decode(mapped, model=tiny_tadsr, any_model=True, realism=0.5) == made
    # and the other way round
    assert codec.decode(codec.encode(photo(120, 150), model=str(tiny_tadsr)), model=tiny_package, any_model=True)


def test_tadm_does_not_stand_in(tiny_sd21: Path, tiny_package: Path, tiny_tadsr: Path) -> None:
    """Its LR holds more than a picture, and its reader wants that."""
    data = codec.encode(photo(120, 150), model=str(tiny_package), scale=16)
    with pytest.raises(ModelError):
        codec.decode(data, model=tiny_sd21, any_model=True)
    data = codec.encode(photo(120, 150), model=str(tiny_sd21))
    with pytest.raises(ModelError):
        codec.decode(data, model=tiny_package, any_model=True)


def test_a_region_is_a_part_of_the_whole(coded: bytes, tiny_tadsr: Path) -> None:
    whole = pixels(coded, tiny_tadsr)
    part = codec.decode(coded, model=tiny_tadsr, region=(30, 20, 70, 90))
    assert np.array_equal(np.asarray(part), whole[20:110, 30:100])
    assert part.info["timesteps"] == ((500,),)


def test_a_bare_picture(coded: bytes, tiny_tadsr: Path) -> None:
    made = codec.restore(codec.thumbnail(coded), model=tiny_tadsr, realism=0.5)
    assert made.size == (152, 120)
    assert np.abs(np.asarray(made).astype(int)[:, :150] - pixels(coded, tiny_tadsr, realism=0.5)).mean() < 1


def test_options_have_an_effect(coded: bytes, tiny_tadsr: Path) -> None:
    usual = pixels(coded, tiny_tadsr)
    for named in ({"denoise": False}, {"dtype": "bf16"}):
        assert np.abs(pixels(coded, tiny_tadsr, **named) - usual).max() > 0
    assert np.array_equal(pixels(coded, tiny_tadsr, seed=5), usual)


def test_a_timestep_map_has_no_place(coded: bytes, tiny_tadsr: Path) -> None:
    broken = write(replace(read(coded), timesteps=b"\0"))
    assert codec.read_info(broken).timesteps
    with pytest.raises(FormatError, match="preset 2 have none"):
        codec.decode(broken, model=tiny_tadsr)


def test_large_pictures_are_encoded_in_squares(tiny_tadsr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the whole: the encoder's norms look at all they are given."""
    made = load_package(tiny_tadsr)
    x = torch.from_numpy(photo(128, 448)).permute(2, 0, 1)[None].float() / 127.5 - 1
    whole = made.encode(x, 300)
    monkeypatch.setattr(tadsr_pipeline, "SIDE", 128)
    monkeypatch.setattr(tadsr_pipeline, "MARGIN", 64)
    parts = made.encode(x, 300)
    assert parts.shape == whole.shape
    assert 0 < (parts - whole).abs().mean() < 0.3 * whole.abs().mean()


def test_adapters_merged_or_not(tiny_tadsr: Path) -> None:
    x = torch.from_numpy(photo(64, 128)).permute(2, 0, 1)[None].float() / 127.5 - 1
    merged, beside = (load_package(tiny_tadsr, merge=merge).restore(x, 300).x_hat for merge in (True, False))
    assert torch.allclose(merged, beside, atol=1e-4)


def test_what_belongs_to_the_model_id(tiny_tadsr: Path, tmp_path: Path) -> None:
    import json
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_tadsr, copy)
    assert open_package(copy).model_id(4) == open_package(tiny_tadsr).model_id(4)
    fields = json.loads((copy / "config.json").read_text())
    for change in ({"dial": [100, 400]}, {"one_step": "epsilon"}):
        (copy / "config.json").write_text(json.dumps(fields | change))
        assert open_package(copy).model_id(4) != open_package(tiny_tadsr).model_id(4)
    for wrong, words in (({"dial": [500, 100]}, "dial"), ({"one_step": "two"}, "one_step"), ({"scale": 3}, "scale")):
        (copy / "config.json").write_text(json.dumps(fields | wrong))
        with pytest.raises(ModelError, match=words):
            load_package(copy)


@pytest.mark.slow
def test_the_command_line(tiny_tadsr: Path, tiny_package: Path, tmp_path: Path) -> None:
    def run(*words: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(main, [str(w) for w in words])
        assert done.exit_code == code, done.output
        return done.output

    picture, file = tmp_path / "a.png", tmp_path / "a.tadm"
    Image.fromarray(photo(120, 150)).save(picture)
    run("encode", picture, file, "--model", tiny_tadsr)
    for realism in ("0", ".5", "1"):
        run("decode", file, tmp_path / f"r{realism}.png", "--realism", realism, "--model", tiny_tadsr)
    run("decode", file, tmp_path / "part.png", "--region", "10,20,50,40", "--model", tiny_tadsr)
    with Image.open(tmp_path / "part.png") as part, Image.open(tmp_path / "r1.png") as whole:
        assert np.array_equal(np.asarray(part), np.asarray(whole)[20:60, 10:60])
    assert "4" in run("info", file)
    run("thumbnail", file, "-o", tmp_path / "lr.png")
    run("verify", file, "--model", tiny_tadsr)
    run("models", "verify", tiny_tadsr)
    run("encode", picture, tmp_path / "c.tadm", "--model", tiny_package)
    run("decode", tmp_path / "c.tadm", tmp_path / "c.png", "--model", tiny_tadsr, "--any-model")

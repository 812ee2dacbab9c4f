"""Files of the `tudsr` family, and files of the other families read by it, on a tiny stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch.nn.functional import interpolate

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

import codec
from codec.cli import main
from codec.container.constants import GridPreset
from codec.container.reader import read
from codec.container.writer import write
from codec.errors import FormatError, InputError, ModelError
from codec.models.package import open_package
from codec.models.rounding import from_uint8, to_uint8
from codec.models.tudsr.package import load_package

Photo = Callable[[int, int], np.ndarray]


@pytest.fixture(scope="module")
def coded(tiny_tudsr: Path, photo: Photo) -> bytes:
    return codec.encode(photo(150, 120), model=str(tiny_tudsr))


def pixels(data: bytes, model: Path, **named: Any) -> np.ndarray:
    return np.asarray(codec.decode(data, model=model, **named)).astype(int)


def test_the_file_says_what_it_is(coded: bytes, tiny_tudsr: Path) -> None:
    info = codec.read_info(coded)
    assert (info.scale, info.payload, info.grid) == (4, "av1", GridPreset.PICTURE_TWICE)
    assert coded[4] == 0x11  # format 1.1
    with pytest.raises(ModelError, match="written for model"):
        codec.decode(coded)
    made = codec.decode(coded, model=tiny_tudsr)
    assert made.size == (150, 120)
    assert made.info["timesteps"] == ((200, 50),)


def test_the_lr_is_the_plain_downscale(tiny_tudsr: Path, photo: Photo) -> None:
    data = codec.encode(photo(160, 120), model=str(tiny_tudsr), payload="png")
    want = Image.fromarray(photo(160, 120)).resize((40, 30), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(codec.thumbnail(data)), np.asarray(want))


@pytest.mark.parametrize(("split", "scale"), [((2, 2), 4), ((4, 2), 8), ((4, 4), 16), ((8, 2), 16), ((2,), 2)])
@pytest.mark.slow
def test_u2_odd_sizes(split: tuple[int, ...], scale: int, tiny_release: Path, photo: Photo, tmp_path: Path) -> None:
    from bench.random_sd21 import make_tudsr

    make_tudsr(tmp_path / "p", tiny_release, split=split, rank=2)
    data = codec.encode(photo(97, 131), model=str(tmp_path / "p"), payload="png")
    made = codec.decode(data, model=tmp_path / "p")
    assert codec.read_info(data).scale == scale
    assert (made.size, len(made.info["timesteps"][0])) == ((97, 131), len(split))
    shown = np.asarray(made)
    assert shown[:, -1].std() > 0
    assert shown[-1].std() > 0


@pytest.mark.slow
def test_one_pass_is_a_preview(coded: bytes, tiny_tudsr: Path) -> None:
    preview = codec.decode(coded, model=tiny_tudsr, passes=1)
    assert (preview.size, preview.info["timesteps"]) == ((150, 120), ((200,),))
    full = codec.decode(coded, model=tiny_tudsr, passes=2)
    assert full == codec.decode(coded, model=tiny_tudsr)
    lr = np.pad(np.asarray(codec.thumbnail(coded)), ((0, 2), (0, 26), (0, 0)), mode="reflect")
    x = from_uint8(torch.from_numpy(lr).permute(2, 0, 1)[None])
    with torch.no_grad():
        x = interpolate(x, scale_factor=2, mode="bicubic", align_corners=False).clamp(-1, 1)
        m = load_package(tiny_tudsr)(0, x, 200).clamp(-1, 1)
    want = to_uint8(interpolate(m, scale_factor=2, mode="bilinear", align_corners=False))[0].permute(1, 2, 0)
    assert np.abs(np.asarray(preview).astype(int) - want.numpy()[:120, :150]).max() <= 1
    assert np.abs(np.asarray(preview).astype(int) - np.asarray(full)).mean() > 1
    with pytest.raises(InputError, match="passes is 3"):
        codec.decode(coded, model=tiny_tudsr, passes=3)


@pytest.mark.slow
def test_realism_and_timestep(coded: bytes, tiny_tudsr: Path) -> None:
    made = {r: codec.decode(coded, model=tiny_tudsr, realism=r) for r in (0.0, 0.5, 1.0)}
    assert {r: image.info["timesteps"] for r, image in made.items()} == {
        0.0: ((10, 10),), 0.5: ((105, 30),), 1.0: ((200, 50),)
    }  # fmt: skip
    assert len({np.asarray(image).tobytes() for image in made.values()}) == 3
    assert codec.decode(coded, model=tiny_tudsr, fixed_timestep=300).info["timesteps"] == ((300, 50),)
    for named in ({"denoise": False}, {"dtype": "bf16"}):
        assert np.abs(pixels(coded, tiny_tudsr, **named) - np.asarray(made[1.0])).max() > 0


@pytest.mark.slow
def test_it_reads_files_of_other_families(tiny_package: Path, tiny_tadsr: Path, tiny_tudsr: Path, photo: Photo) -> None:
    for other in (tiny_package, tiny_tadsr):
        data = codec.encode(photo(150, 120), model=str(other))
        with pytest.raises(ModelError, match="written for model"):
            codec.decode(data, model=tiny_tudsr)
        made = codec.decode(data, model=tiny_tudsr, any_model=True)
        assert (made.size, made.info["timesteps"]) == ((150, 120), ((200, 50),))
        mine = codec.encode(photo(150, 120), model=str(tiny_tudsr))
        assert codec.decode(mine, model=other, any_model=True).size == (150, 120)


@pytest.mark.slow
def test_a_region_is_a_part_of_the_whole(tiny_tudsr: Path, photo: Photo) -> None:
    data = codec.encode(photo(600, 150), model=str(tiny_tudsr))
    whole = pixels(data, tiny_tudsr)
    for x, y, width, height in ((30, 20, 70, 90), (500, 0, 100, 150)):
        part = codec.decode(data, model=tiny_tudsr, region=(x, y, width, height))
        assert np.array_equal(np.asarray(part), whole[y : y + height, x : x + width])
        assert part.info["timesteps"] == ((200, 50),)


def test_a_region_runs_only_its_tiles(tiny_tudsr: Path, photo: Photo) -> None:
    data, seen = codec.encode(photo(1100, 100), model=str(tiny_tudsr)), list[tuple[int, int]]()
    codec.decode(data, model=tiny_tudsr, region=(0, 0, 60, 60), on_progress=lambda *at: seen.append(at))
    assert seen == [(1, 1)]


def test_a_bare_picture(coded: bytes, tiny_tudsr: Path) -> None:
    made = codec.restore(codec.thumbnail(coded), model=tiny_tudsr, realism=0.5)
    assert made.size == (152, 120)
    assert np.abs(np.asarray(made).astype(int)[:, :150] - pixels(coded, tiny_tudsr, realism=0.5)).mean() < 1
    assert codec.restore(codec.thumbnail(coded), model=tiny_tudsr, passes=1) != made


def test_a_timestep_map_has_no_place(coded: bytes, tiny_tudsr: Path) -> None:
    broken = write(replace(read(coded), timesteps=b"\0"))
    with pytest.raises(FormatError, match="preset 3 have none"):
        codec.decode(broken, model=tiny_tudsr)


def test_what_belongs_to_the_model_id(tiny_tudsr: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_tudsr, copy)
    assert open_package(copy).model_id(4) == open_package(tiny_tudsr).model_id(4)
    fields = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(fields | {"timesteps": [200, 60]}))
    assert open_package(copy).model_id(4) != open_package(tiny_tudsr).model_id(4)
    (copy / "config.json").write_text(json.dumps(fields))
    shutil.copy(copy / "prompt.safetensors", copy / "second.safetensors")
    assert open_package(copy).model_id(4) != open_package(tiny_tudsr).model_id(4)
    with pytest.raises(ModelError, match="second adapter: "):
        load_package(copy)


@pytest.mark.slow
def test_the_command_line(tiny_tudsr: Path, tiny_package: Path, photo: Photo, tmp_path: Path) -> None:
    def run(*words: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(main, [str(w) for w in words])
        assert done.exit_code == code, done.output
        return done.output

    picture, file = tmp_path / "a.png", tmp_path / "a.tadm"
    Image.fromarray(photo(150, 120)).save(picture)
    run("encode", picture, file, "--model", tiny_tudsr)
    for passes in ("1", "2"):
        run("decode", file, tmp_path / f"p{passes}.png", "--passes", passes, "--model", tiny_tudsr)
    run("decode", file, tmp_path / "part.png", "--region", "10,20,50,40", "--model", tiny_tudsr)
    with Image.open(tmp_path / "part.png") as part, Image.open(tmp_path / "p2.png") as whole:
        assert np.array_equal(np.asarray(part), np.asarray(whole)[20:60, 10:60])
        with Image.open(tmp_path / "p1.png") as preview:
            assert preview.tobytes() != whole.tobytes()
    run("decode", file, tmp_path / "no.png", "--passes", "3", "--model", tiny_tudsr, code=2)
    assert "4" in run("info", file)
    run("thumbnail", file, "-o", tmp_path / "lr.png")
    run("verify", file, "--model", tiny_tudsr)
    run("models", "verify", tiny_tudsr)
    run("encode", picture, tmp_path / "c.tadm", "--model", tiny_package)
    run("decode", tmp_path / "c.tadm", tmp_path / "c.png", "--model", tiny_tudsr, "--any-model")
    run("restore", tmp_path / "lr.png", tmp_path / "r.png", "--model", tiny_tudsr, "--passes", "1")

"""A family that only this file knows, an identity upscaler with a preset of its own: `codec/` is not touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import save_file

import codec
from codec.arrays import PixelArray, Progress
from codec.cli import main
from codec.codings import LOSSLESS_PAYLOADS
from codec.geometry import Box, Size, grid_cells
from codec.image.rows_in import RowSource
from codec.models.family import Lr, LrEncoder, Recipe, Restorer, Runtime, given_timesteps, settled
from codec.models.registry import add_family, remove_family
from codec.options import DecodeOptions, EncodeOptions
from codec.tiling.downscale import downscaled_strips
from codec.tiling.pieces import Piece


class Nearest:
    """Every LR pixel becomes a square; realism makes it brighter, so that options are seen to arrive."""

    name, preset, largest_timestep = "nearest", 6, 50.0
    has_timestep_map, looks = True, False

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        return tuple(config["scales"])

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        return True

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        return (f"gain{scale}",)

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        return {"family": self.name}

    def default_realism(self, config: dict[str, Any]) -> float:
        return 0.25

    def generates(self, config: dict[str, Any], scale: int, options: DecodeOptions) -> bool:
        return False

    def settle(self, config: dict[str, Any], options: EncodeOptions) -> EncodeOptions:
        return settled(options, scale=3, payload="png", quality=50, lossless=LOSSLESS_PAYLOADS)

    def timestep_grid(self, size: Size) -> Size:
        return grid_cells(size, 100)

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        class Plain:
            def told(self, quality: int) -> None:
                return None

            def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
                return (strip.lr for strip in downscaled_strips(rows, scale, height))

        return Plain()

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        return Squares(scale)

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        assert config["scales"]


class Squares:
    timestep_tile = 100

    def __init__(self, scale: int) -> None:
        self._scale = scale

    def pieces(self, lr: Lr, recipe: Recipe, area: Box, *, streamed: bool, on_progress: Progress) -> Iterator[Piece]:
        s, right, bottom = self._scale, area.x + area.width, area.y + area.height
        given = given_timesteps(NEAREST, recipe)
        small = lr.crop(Box(0, 0, -(-right // s), -(-bottom // s))).astype(int)
        assert recipe.options.realism is not None
        full = np.clip(small + round(40 * recipe.options.realism), 0, 255).astype(np.uint8).repeat(s, 0).repeat(s, 1)
        rows, columns = -(-bottom // 100) - area.y // 100, -(-right // 100) - area.x // 100
        t = np.full((rows, columns), 7, np.float32) if given is None else given[:rows, :columns]
        yield Piece(box=area, pixels=full[area.y : bottom, area.x : right], timesteps=t)
        on_progress(1, 1)


NEAREST = Nearest()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models") / "squares"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"family": "nearest", "scales": [3, 5]}))
    for scale in (3, 5):
        save_file({"gain": np.ones(1, np.float32)}, folder / f"gain{scale}.safetensors")
    add_family(NEAREST)
    yield str(folder)
    remove_family(NEAREST)


PIXELS = np.random.default_rng(0).integers(0, 200, (40, 50, 3), dtype=np.uint8).repeat(3, 0).repeat(3, 1)


def test_encode_and_decode(package: str) -> None:
    data = codec.encode(PIXELS, model=package)
    info = codec.read_info(data)
    assert (info.scale, info.payload, info.grid) == (3, "png", 6)
    small = np.asarray(codec.thumbnail(data)).astype(int)
    plain = codec.decode(data, model=package, realism=0)
    assert np.array_equal(np.asarray(plain), small.repeat(3, 0).repeat(3, 1))
    assert np.array_equal(np.asarray(codec.decode(data, model=package)), np.asarray(plain).astype(int) + 10)
    part = codec.decode(data, model=package, realism=0, region=(20, 30, 60, 70))
    assert np.array_equal(np.asarray(part), np.asarray(plain)[30:100, 20:80])
    assert part.info["timesteps"] == ((7.0,),)
    with pytest.raises(codec.InputError, match=r"fixed_timestep is 60, models of the family nearest take 0\.\.50"):
        codec.decode(data, model=package, fixed_timestep=60)


def test_the_command_line(package: str, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    run = CliRunner()
    file, out = str(tmp_path / "a.tadm"), str(tmp_path / "b.png")
    for words in (
        ["encode", str(tmp_path / "a.png"), file, "--model", package, "--scale", "5"],
        ["verify", file, "--model", package], ["info", file], ["models", "verify", package],
        ["decode", file, out, "--model", package, "--realism", "0", "--t-map", str(tmp_path / "t.png")],
    ):  # fmt: skip
        done = run.invoke(main, words)
        assert done.exit_code == 0, done.output
    with Image.open(out) as image, Image.open(tmp_path / "t.png") as t_map:
        assert image.size == (150, 120)
        assert t_map.size == (2, 2)
    refused = run.invoke(main, ["encode", str(tmp_path / "a.png"), f"{file}2", "--model", package, "--bpp", "1"])
    assert refused.exit_code == codec.InputError.exit_code


def test_without_the_family_only_the_lr_is_had(package: str, tmp_path: Path) -> None:
    data = codec.encode(PIXELS, model=package)
    remove_family(NEAREST)
    try:
        assert codec.read_info(data).grid == 6
        assert codec.thumbnail(data).size == (50, 40)
        with codec.open(data) as file:
            assert file.verify() is None
            assert not file.rebuildable
        with pytest.raises(codec.UnsupportedError, match="tile grid preset 6 is not known to this version"):
            codec.decode(data)
        with pytest.raises(codec.ModelError, match="family is 'nearest', expected one of compact, sd21"):
            codec.encode(PIXELS, model=package)
    finally:
        add_family(NEAREST)


def test_names_and_presets_are_taken_once(package: str) -> None:
    with pytest.raises(codec.ModelError, match="one of them is taken"):
        add_family(NEAREST)

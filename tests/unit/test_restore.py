"""Bare pictures through the decoder: what a file of ours with that LR would give, and what cannot be."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main

Photo = Callable[[int, int], np.ndarray]


def test_it_is_what_a_file_gives(tiny_package: Path, photo: Photo) -> None:
    model = str(tiny_package)
    data = codec.encode(photo(128, 96), model=model, payload="png")
    for named in ({}, {"realism": 0.0}, {"seed": 4}, {"fixed_timestep": 30.0}, {"denoise": False}):
        made = codec.restore(codec.thumbnail(data), model=model, **named)
        assert np.array_equal(np.asarray(made), np.asarray(codec.decode(data, model=model, **named)))
    assert codec.restore(codec.thumbnail(data), model=model, scale=8).size == (256, 192)
    usual, told = (np.asarray(codec.restore(codec.thumbnail(data), model=model, quality=q)) for q in (100, 30))
    assert not np.array_equal(usual, told)


def test_what_rides_along(tiny_package: Path, photo: Photo) -> None:
    picture = Image.fromarray(photo(30, 20))
    picture.putalpha(Image.linear_gradient("L").resize((30, 20)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=Image.Exif())
    made = codec.restore(buffer.getvalue(), model=str(tiny_package))
    assert (made.mode, made.size) == ("RGBA", (120, 80))
    alpha = np.asarray(made)[:, :, 3].astype(int)
    assert alpha[0].max() < 10
    assert alpha[-1].min() > 245


def test_what_cannot_be(tiny_package: Path, photo: Photo) -> None:
    model = str(tiny_package)
    with pytest.raises(codec.ModelError, match="no model here restores a picture at scale 3"):
        codec.restore(photo(9, 9), model=model, scale=3)
    with pytest.raises(codec.InputError, match="quality is 101"):
        codec.restore(photo(9, 9), model=model, quality=101)
    with pytest.raises(codec.LimitError, match="the result has 1296 pixels"):
        codec.restore(photo(9, 9), model=model, limits=codec.DecodeLimits(pixels=1000))
    with pytest.raises(codec.InputError, match="engine is a str"):
        codec.restore(photo(9, 9), engine="mine")  # type: ignore[arg-type]


def test_the_command_line(tiny_package: Path, photo: Photo, tmp_path: Path) -> None:
    Image.fromarray(photo(31, 17)).save(tmp_path / "a.png")
    words = ["restore", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--model", str(tiny_package)]
    done = CliRunner().invoke(main, [*words, "--realism", "0.5", "--scale", "8", "--quality", "60"])
    assert done.exit_code == 0, done.output
    want = codec.restore(photo(31, 17), model=str(tiny_package), realism=0.5, scale=8, quality=60)
    with Image.open(tmp_path / "b.png") as made:
        assert np.array_equal(np.asarray(made), np.asarray(want))
    again = CliRunner().invoke(main, words)
    assert again.exit_code == codec.InputError.exit_code
    assert "exists" in again.stderr

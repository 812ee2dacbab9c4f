"""What a reader owes a file of a tile grid preset that came after it (check C1)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main

FILE = Path(__file__).parent / "grid-preset-7.tadm"


def run(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(w) for w in words])
    return done.exit_code, done.stdout, done.stderr


def test_c1_info_thumbnail_and_verify_work_and_decode_is_unsupported(tmp_path: Path) -> None:
    path = Path(shutil.copy(FILE, tmp_path))
    assert run("info", path, "--json")[0] == 0
    assert run("thumbnail", path, "-o", tmp_path / "lr.png")[0] == 0
    with Image.open(tmp_path / "lr.png") as lr, Image.open(FILE.with_suffix(".png")) as want:
        assert np.array_equal(np.asarray(lr.convert("RGB")), np.asarray(want.convert("RGB")))
    assert run("verify", path)[0] == 0
    code, _, said = run("decode", path, tmp_path / "out.png")
    assert code == codec.UnsupportedError.exit_code == 4
    assert "tile grid preset 7 is not known to this version" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_c1_of_the_python_functions() -> None:
    info = codec.read_info(FILE)
    assert info.grid == 7
    with Image.open(FILE.with_suffix(".png")) as want:
        assert codec.thumbnail(FILE).size == want.size
    with codec.open(FILE) as file:
        assert file.verify() is None
    for any_model in (False, True):
        with pytest.raises(codec.UnsupportedError, match="preset 7"):
            codec.decode(FILE, any_model=any_model)

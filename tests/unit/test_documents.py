"""What documents say of code runs: README's Python block, and the examples of public docstrings."""

from __future__ import annotations

import doctest
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import codec
import codec.api
import codec.decoding.info
import codec.options

ROOT = Path(__file__).resolve().parents[2]


def test_the_python_block_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with Image.open(ROOT / "examples" / "kodim21.png") as photo:
        photo.crop((300, 200, 620, 480)).save("photo.jpg")
    names: dict[str, object] = {}
    exec(block, names)
    image, corner, small = names["image"], names["corner"], names["small"]
    assert isinstance(image, Image.Image)
    assert isinstance(corner, Image.Image)
    assert isinstance(small, Image.Image)
    assert (image.size, corner.size, small.size) == ((320, 280), (256, 256), (80, 70))
    with Image.open("photo.png") as saved:
        assert saved.size == (320, 280)


@pytest.mark.parametrize(("module", "least"), [(codec.api, 7), (codec.decoding.info, 2), (codec.options, 0)])
def test_examples_of_docstrings_run(module: object, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = doctest.testmod(module)  # type: ignore[arg-type]
    assert done.failed == 0
    assert done.attempted >= least


def test_every_public_function_has_an_example() -> None:
    for name in codec.__all__:
        public = getattr(codec, name)
        if callable(public) and not isinstance(public, type):
            assert ">>>" in (public.__doc__ or ""), name


def test_the_sample_file_is_the_sample_photograph(tmp_path: Path) -> None:
    """`examples/sample.tadm` was made from the photograph beside it."""
    shutil.copy(ROOT / "examples" / "sample.tadm", tmp_path)
    info = codec.read_info(tmp_path / "sample.tadm")
    with Image.open(ROOT / "examples" / "kodim21.png") as image:
        assert (info.width, info.height) == image.size

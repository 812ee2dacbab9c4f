import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec.codings import Coding
from codec.container.dump import dump
from codec.container.reader import read
from codec.container.writer import write
from codec.lr import StoredLr

FILES = sorted(Path(__file__).parent.glob("*.tadm"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_golden_file(path: Path) -> None:
    file = read(path.read_bytes())
    assert dump(file) == json.loads(path.with_suffix(".json").read_text())
    with Image.open(path.with_suffix(".png")) as image:
        want = np.asarray(image.convert("RGB"))
    difference = np.abs(StoredLr(file).whole().astype(int) - want).max()
    assert difference <= (1 if file.header.coding == Coding.AV1 else 0)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_written_again_it_is_the_same_file(path: Path) -> None:
    assert write(read(path.read_bytes())) == path.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 9

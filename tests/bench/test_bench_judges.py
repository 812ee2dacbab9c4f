"""Judges that others trained: they see what they should, and read as the reference reading does."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bench.judges.remembered import Remembered
from bench.judges.text import edits
from bench.metrics import external

Pixels = npt.NDArray[np.uint8]

SHARED = Path(__file__).parents[3] / "shared"
KODAK = SHARED / "data/eval/kodak"


def needs(*names: str) -> None:
    absent = [n for n in names if external.states()[n] != external.READY]
    if absent:
        pytest.skip(f"{', '.join(absent)}: pip install 'tadmc[judges]'")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    path = SHARED / "eval/judges.py"
    if not path.is_file():
        pytest.skip(f"the reference reading is not beside the repository: {path} is no file")
    spec = importlib.util.spec_from_file_location("reference_judges", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def kodak(name: str) -> Pixels:
    path = KODAK / f"{name}.png"
    if not path.is_file():
        pytest.skip(f"photographs are not beside the repository: {path} is no file")
    return np.asarray(Image.open(path).convert("RGB"))


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def written(words: list[str]) -> Pixels:
    page = Image.new("RGB", (420, 60 * len(words) + 20), (235, 230, 220))
    for i, word in enumerate(words):
        ImageDraw.Draw(page).text((20, 20 + 60 * i), word, (20, 20, 30), ImageFont.load_default(34))
    return np.asarray(page)


@pytest.mark.slow
def test_stlpips_grows_with_the_damage(photo: Callable[[int, int], Pixels], reference: ModuleType) -> None:
    needs("stlpips")
    original = photo(192, 160)
    values = [external.measure_external(original, blurred(original, r), {"stlpips"})["stlpips"] for r in (0, 1, 3)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[0] < values[1] < values[2]
    assert values[2] == pytest.approx(reference.StLpips()(original, blurred(original, 3))["stlpips"], abs=1e-5)


@pytest.mark.slow
def test_a_face_blurred_is_another_person(reference: ModuleType) -> None:
    needs("face", "face_lost", "eye")
    original = kodak("kodim04")
    same = external.measure_external(original, original, {"face", "face_lost", "eye"})
    assert same == {"face": 0, "face_lost": 0, "eye": 0}
    lost = external.measure_external(original, blurred(original, 24), {"face", "face_lost", "eye"})
    theirs = reference.Faces()(original, blurred(original, 24))
    assert lost["face"] == pytest.approx(np.mean(theirs["face"]), abs=1e-6)
    assert lost["face"] > 0.6
    assert lost["face_lost"] == 1
    assert lost["eye"] == pytest.approx(np.mean(theirs["eye"]), abs=1e-6)


@pytest.mark.slow
def test_text_that_is_wiped_is_lost() -> None:
    needs("text_lost")
    page = written(["HARBOUR", "STATION", "LIBRARY"])
    assert external.measure_external(page, page, {"text_lost"}) == {"text_lost": 0}
    wiped = page.copy()
    wiped[130:190] = page[0, 0]
    assert external.measure_external(page, wiped, {"text_lost"})["text_lost"] == pytest.approx(7 / 21)


def test_where_there_is_nothing_to_judge_there_is_no_value() -> None:
    needs("text_lost", "face")
    empty = np.full((120, 160, 3), 128, np.uint8)
    assert external.measure_external(empty, empty, {"text_lost", "face", "face_lost", "eye"}) == {}


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("harbour", "harbor", 1)]
)
def test_edits(a: str, b: str, distance: int) -> None:
    assert edits(a, b) == edits(b, a) == distance


def test_an_original_is_looked_at_once_and_another_anew() -> None:
    """Also one that takes the place of the last in memory."""
    seen: list[int] = []

    def total(picture: Pixels) -> int:
        seen.append(int(picture.sum()))
        return seen[-1]

    look = Remembered(total)
    picture = np.ones((4, 6, 3), np.uint8)
    assert [look(picture), look(picture.copy()), look(picture[::-1])] == [72] * 3
    assert len(seen) == 1
    picture[0, 0] = 5
    assert look(picture) == 84
    assert look(np.ones((6, 4, 3), np.uint8)) == 72
    assert len(seen) == 3

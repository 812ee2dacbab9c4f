"""What the shipped models make of real files, pixel by pixel: `format_spec.md` 9.2 allows one grey level RMSE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.models.store import released

FOLDER = Path(__file__).parent / "rebuilt"
PICTURES = sorted(FOLDER.glob("*.png"))


@pytest.mark.parametrize("path", PICTURES, ids=lambda p: p.stem)
def test_rebuilt_photograph(path: Path) -> None:
    file, _, realism = path.stem.rpartition("-r")
    made = np.asarray(codec.decode(FOLDER / f"{file}.tadm", realism=float(realism)).convert("RGB")).astype(float)
    with Image.open(path) as image:
        want = np.asarray(image.convert("RGB")).astype(float)
    assert made.shape == want.shape
    assert np.sqrt(np.square(made - want).mean()) <= 1


def test_every_scale_of_every_released_model_is_held() -> None:
    assert {p.stem for p in FOLDER.glob("*.tadm")} >= {f"{m.name}-{s}" for m in released() for s in m.scales}
    assert len(PICTURES) == 3 * len(list(FOLDER.glob("*.tadm")))

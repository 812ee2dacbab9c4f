"""The `tudsr` family at the true shapes of Stable Diffusion 2.1-base, with random weights: 128 -> 512 as 2 x 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

import codec

KODIM = Path(__file__).resolve().parents[4] / "examples" / "kodim21.png"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_a_cpu(tmp_path: Path) -> None:
    from bench.random_sd21 import make_release, make_tudsr

    make_release(tmp_path, shapes="true", scale=16)
    make_tudsr(tmp_path / "x4", tmp_path)
    with Image.open(KODIM) as photo:
        small = photo.convert("RGB").crop((256, 0, 768, 512)).resize((128, 128), Image.Resampling.LANCZOS)
    with codec.Engine(device="cpu", model=tmp_path / "x4") as engine:
        once, both, again = (codec.restore(small, engine=engine, passes=n) for n in (1, 2, 1))
    assert once.size == both.size == (512, 512)
    assert once == again  # one backbone; switching adapters leaves nothing behind
    assert np.abs(np.asarray(both).astype(int) - np.asarray(once)).mean() > 1

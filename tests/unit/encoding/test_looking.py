"""What the encoder chooses by looking at rebuilt squares, with the shipped model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.encoding.encoder import encode
from codec.encoding.similarity import Compared

Photo = Callable[[int, int], np.ndarray]


@pytest.fixture(scope="module")
def engine() -> codec.Engine:
    return codec.Engine()


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    with Image.open(Path(__file__).parents[3] / "examples" / "kodim21.png") as image:
        return np.asarray(image.convert("RGB"))[64:320, 128:384]


def similarity(original: np.ndarray, data: bytes, engine: codec.Engine) -> float:
    return Compared(original).with_(np.asarray(codec.decode(data, engine=engine, realism=0)))


def test_the_chosen_scale_is_the_best_to_look_at(sample: np.ndarray, engine: codec.Engine) -> None:
    chosen = codec.encode(sample, engine=engine, bpp=0.06, chroma="420")
    every = [codec.encode(sample, engine=engine, bpp=0.06, chroma="420", scale=s) for s in (4, 8, 16)]
    scores = [similarity(sample, data, engine) for data in every]
    assert max(scores) - min(scores) > 0.05
    assert similarity(sample, chosen, engine) >= max(scores) - 0.005
    assert codec.read_info(chosen).bpp <= 0.06


def test_the_default_spends_the_usual_bytes_better(sample: np.ndarray, engine: codec.Engine) -> None:
    smooth = np.asarray(Image.fromarray(sample).resize((6, 6)).resize((256, 256), Image.Resampling.BICUBIC))
    quick = codec.encode(smooth, engine=engine, effort="fast")
    usual = codec.encode(smooth, engine=engine, scale=4)
    looked = encode(smooth, codec.EncodeOptions(), engine)
    assert codec.read_info(quick).scale == codec.read_info(usual).scale == 4
    assert len(looked.data) <= len(quick)
    assert similarity(smooth, looked.data, engine) > similarity(smooth, usual, engine)
    assert encode(smooth, looked.options, engine).data == looked.data


@pytest.mark.parametrize("fixed", [{"quality": 40}, {"scale": 8}, {"payload": "png"}])
def test_what_is_given_stays(photo: Photo, engine: codec.Engine, fixed: dict) -> None:
    info = codec.read_info(codec.encode(photo(128, 128), engine=engine, **fixed))
    assert all(getattr(info, name) == value for name, value in fixed.items())
    assert info.scale == fixed.get("scale", 4)


def test_pictures_of_any_size(photo: Photo, engine: codec.Engine) -> None:
    for size in ((1, 1), (7, 100), (129, 127)):
        assert codec.read_info(codec.encode(photo(*size), engine=engine, effort="best")).width == size[0]

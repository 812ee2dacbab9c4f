"""AVIF at a quarter and a free upscaler behind it, as users can have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from bench.codecs.base import CodecOptions, Expected
from bench.codecs.registry import make
from bench.codecs.upscaled import NETWORKS, Upscaled
from bench.errors import BenchError, MissingError
from bench.photos import Photo

Pixels = npt.NDArray[np.uint8]


def ready(network: str) -> Upscaled:
    try:
        made = make(f"avif/4+{network}", CodecOptions())
    except MissingError as exc:
        pytest.skip(str(exc))
    assert isinstance(made, Upscaled)
    return made


@pytest.mark.parametrize("network", list(NETWORKS))
def test_it_enlarges_the_same_file(network: str, photo: Callable[[int, int], Pixels]) -> None:
    made, plain = ready(network), make("avif/4", CodecOptions())
    picture = Photo("one", photo(122, 99))
    data = made.encode(picture, 80)
    assert data == plain.encode(picture, 80)
    assert made.encode_key == plain.name
    back = made.decode(data, Expected(name="one", width=122, height=99)).pixels
    assert back.shape == (99, 122, 3)
    # the networks expect the LR pixel grid that PIL's bicubic has: no shift against plain enlargement
    bicubic = plain.decode(data, Expected(name="one", width=122, height=99)).pixels
    assert np.abs(back.astype(int) - bicubic).mean() < 8


def test_pieces_join(monkeypatch: pytest.MonkeyPatch, photo: Callable[[int, int], Pixels]) -> None:
    made = ready("span")
    picture = Photo("one", photo(240, 200))
    data = made.encode(picture, 80)
    whole = made.decode(data, Expected(name="one", width=240, height=200)).pixels.astype(int)
    monkeypatch.setattr("bench.codecs.upscaled._SIDE", 24)
    pieces = made.decode(data, Expected(name="one", width=240, height=200)).pixels.astype(int)
    assert np.abs(whole - pieces).max() <= 2


@pytest.mark.parametrize("spec", ["avif/4+nobody", "avif/2+span", "avif+span"])
def test_names_that_are_none(spec: str) -> None:
    with pytest.raises(BenchError):
        make(spec, CodecOptions())

import io

import numpy as np
import pytest
from PIL import Image

from codec.errors import FormatError, InputError
from codec.payload.png import PngPayload
from codec.payload.registry import payload_named


@pytest.mark.parametrize("kind", ["noise", "gray", "few colours", "one pixel"])
def test_lossless(kind: str) -> None:
    rng = np.random.default_rng(0)
    lr = {
        "noise": rng.integers(0, 256, (32, 48, 3), dtype=np.uint8),
        "gray": np.repeat(rng.integers(0, 256, (32, 48, 1), dtype=np.uint8), 3, 2),
        "few colours": rng.integers(0, 2, (32, 48, 3), dtype=np.uint8) * 255,
        "one pixel": np.array([[[1, 2, 3]]], np.uint8),
    }[kind]
    data = PngPayload().encode(lr)
    assert np.array_equal(PngPayload().decode(data, width=lr.shape[1], height=lr.shape[0]), lr)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"


def test_gray_and_palette_are_used_where_they_help() -> None:
    gray = np.repeat(np.random.default_rng(0).integers(0, 256, (64, 64, 1), dtype=np.uint8), 3, 2)
    assert Image.open(io.BytesIO(PngPayload().encode(gray))).mode == "L"
    assert len(PngPayload().encode(gray)) < 64 * 64 * 1.1


def test_another_size_or_garbage_is_refused() -> None:
    data = PngPayload().encode(np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(FormatError, match="picture is 3x2, the header says 2x3"):
        PngPayload().decode(data, width=2, height=3)
    with pytest.raises(FormatError, match="do not decode"):
        PngPayload().decode(b"nothing", width=1, height=1)


def test_registry_names_what_there_is() -> None:
    assert payload_named("av1").name == "av1"
    with pytest.raises(InputError, match="there are png, av1"):
        payload_named("gif")

import io
import struct

import numpy as np
import pytest
from PIL import Image

from codec.codings import Coding
from codec.errors import FormatError, InputError, UnsupportedError
from codec.payload.base import PayloadCodec
from codec.payload.jxl import codestream_size
from codec.payload.png import PngPayload
from codec.payload.registry import payload_for


@pytest.fixture(params=["png", "webp", "jxl"])
def payload(request: pytest.FixtureRequest) -> PayloadCodec:
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl", reason="jxl extra is not installed")
    return payload_for(Coding.labelled(request.param))


@pytest.mark.parametrize("effort", ["fast", "default", "best"])
@pytest.mark.parametrize("kind", ["noise", "gray", "few colours", "one pixel", "column"])
def test_lossless(payload: PayloadCodec, kind: str, effort: str) -> None:
    rng = np.random.default_rng(0)
    lr = {
        "noise": rng.integers(0, 256, (32, 48, 3), dtype=np.uint8),
        "gray": np.repeat(rng.integers(0, 256, (32, 48, 1), dtype=np.uint8), 3, 2),
        "few colours": rng.integers(0, 2, (32, 48, 3), dtype=np.uint8) * 255,
        "one pixel": np.array([[[1, 2, 3]]], np.uint8),
        "column": rng.integers(0, 256, (300, 1, 3), dtype=np.uint8),
    }[kind]
    data = payload.encode(lr, quality=100, effort=effort)
    assert np.array_equal(payload.decode(data, width=lr.shape[1], height=lr.shape[0]), lr)


def test_as_a_file_it_is_what_any_viewer_opens(payload: PayloadCodec) -> None:
    lr = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)  # VP8L data of odd length among others
    file = payload.to_file(payload.encode(lr, quality=100), width=7, height=5)
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == payload.suffix[1:].upper()
        assert np.array_equal(np.asarray(image.convert("RGB")), lr)


def test_garbage_is_refused(payload: PayloadCodec) -> None:
    data = payload.encode(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8), quality=100)
    for broken in (b"nothing", b"", data[: len(data) // 2]):
        with pytest.raises(FormatError, match=f"^{payload.coding.label} payload: "):
            payload.decode(broken, width=30, height=20)


@pytest.mark.parametrize("name", ["png", "jxl"])
def test_a_payload_that_states_another_size_is_refused(name: str) -> None:
    if name == "jxl":
        pytest.importorskip("pillow_jxl", reason="jxl extra is not installed")
    data = payload_for(Coding.labelled(name)).encode(np.zeros((2, 3, 3), np.uint8), quality=100)
    with pytest.raises(FormatError, match="picture is 3x2, the header says 2x3"):
        payload_for(Coding.labelled(name)).decode(data, width=2, height=3)


def test_gray_png_is_used_where_it_helps() -> None:
    gray = np.repeat(np.random.default_rng(0).integers(0, 256, (64, 64, 1), dtype=np.uint8), 3, 2)
    data = PngPayload().encode(gray)
    assert Image.open(io.BytesIO(data)).mode == "L"
    assert len(data) < 64 * 64 * 1.1


def test_webp_says_where_it_ends() -> None:
    with pytest.raises(InputError, match="WebP ends at 16384 a side"):
        payload_for(Coding.WEBP).encode(np.zeros((1, 16385, 3), np.uint8), quality=100)
    with pytest.raises(FormatError, match="expected at most 16384"):
        payload_for(Coding.WEBP).decode(b"", width=16385, height=1)


@pytest.mark.parametrize(
    ("width", "height"), [(8, 8), (256, 256), (1, 1), (640, 480), (1920, 1080), (5000, 3), (70000, 1)]
)
def test_the_size_in_a_jpeg_xl_codestream(width: int, height: int) -> None:
    pytest.importorskip("pillow_jxl", reason="jxl extra is not installed")
    data = payload_for(Coding.JXL).encode(np.zeros((height, width, 3), np.uint8), quality=100, effort="fast")
    assert codestream_size(data) == (width, height)


def test_a_jpeg_xl_size_without_sense_costs_nothing() -> None:
    data = struct.pack("<Q", 2**64 - 2)  # selector 3: 30 bits a side, all ones
    with pytest.raises(FormatError, match="the header says 4x4"):
        payload_for(Coding.JXL).decode(data, width=4, height=4)


def test_registry_names_what_there_is() -> None:
    assert {payload_for(coding).coding for coding in Coding} == set(Coding)
    with pytest.raises(UnsupportedError, match=r"payload coding 9 \(av2\) is not known to this version"):
        payload_for(9)

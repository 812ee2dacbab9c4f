import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from codec.errors import FormatError, InputError, TadmError, UnsupportedError
from codec.payload.av1 import Av1Payload
from codec.payload.av1_header import SequenceHeader, build, pack, parse, unpack
from codec.payload.avif import obus_of_avif


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pillow_avif(lr: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    defaults = {"quality": 40, "speed": 8, "subsampling": "4:4:4", "range": "full", "autotiling": False}
    Image.fromarray(lr).save(buffer, "AVIF", **(defaults | options))
    return buffer.getvalue()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200))
def test_rebuilt_boxes_decode_to_the_picture_of_the_original_avif(width: int, height: int) -> None:
    avif = pillow_avif(picture(width, height))
    obus = obus_of_avif(avif)
    packed = pack(obus)
    assert len(avif) - len(packed) >= 280
    want = np.asarray(Image.open(io.BytesIO(avif)).convert("RGB"))
    assert np.array_equal(Av1Payload().decode(packed, width=width, height=height), want)


def test_encode_is_deterministic_and_close() -> None:
    y, x = np.mgrid[0:96, 0:128]
    lr = np.stack([x, y, (x + y) // 2], 2).astype(np.uint8)
    data = Av1Payload().encode(lr, quality=70)
    assert data == Av1Payload().encode(lr, quality=70)
    got = Av1Payload().decode(data, width=128, height=96)
    assert np.abs(got.astype(int) - lr).mean() < 2


def test_quality_buys_bytes() -> None:
    lr = picture(64, 64)
    sizes = [len(Av1Payload().encode(lr, quality=q, effort="fast")) for q in (5, 40, 90)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 3


def test_another_size_than_it_was_coded_for_is_refused() -> None:
    data = Av1Payload().encode(picture(16, 8), quality=10, effort="fast")
    for width, height in ((8, 16), (16, 9), (1, 1), (4000, 3000)):
        with pytest.raises(FormatError):
            Av1Payload().decode(data, width=width, height=height)


def test_subsampled_pictures_are_refused() -> None:
    obus = obus_of_avif(pillow_avif(picture(16, 16), subsampling="4:2:0"))
    with pytest.raises(UnsupportedError, match="profile is 0"):
        pack(obus)


@pytest.mark.parametrize("size", [(1, 1), (192, 128), (2048, 72), (2049, 72), (300, 1200), (700, 700)])
@pytest.mark.parametrize("speed", [2, 8])
def test_the_sequence_header_is_predicted_to_the_bit(size: tuple[int, int], speed: int) -> None:
    flat = np.full((size[1], size[0], 3), 90, np.uint8)
    obus = obus_of_avif(pillow_avif(flat, speed=speed))
    header, end = parse(obus)
    assert (header.width, header.height) == size
    assert build(header) == obus[:end]
    assert unpack(pack(obus), *size) == obus


@given(st.integers(1, 65536), st.integers(1, 65536), st.integers(0, 127), st.integers(0, 31))
def test_sequence_headers_read_back(width: int, height: int, tools: int, level: int) -> None:
    header = SequenceHeader(width=width, height=height, tools=tools, level=level)
    data = build(header)
    assert parse(data + b"frame") == (header, len(data))
    for length in range(len(data)):
        with pytest.raises(TadmError):
            parse(data[:length])


@given(st.binary(max_size=60))
def test_garbage_gives_our_errors_or_a_picture_of_the_right_size(data: bytes) -> None:
    try:
        got = Av1Payload().decode(data, width=16, height=16)
    except TadmError:
        got = None
    assert got is None or got.shape == (16, 16, 3)


def test_no_mdat_is_a_format_error() -> None:
    with pytest.raises(FormatError, match="no mdat"):
        obus_of_avif(b"\0\0\0\x08free")
    with pytest.raises(FormatError, match="has size 4"):
        obus_of_avif(b"\0\0\0\x04free")


def test_exported_avif_names_its_colours() -> None:
    avif = Av1Payload().to_file(Av1Payload().encode(picture(8, 8), quality=30, effort="fast"), width=8, height=8)
    assert b"nclx\x00\x01\x00\x0d\x00\x06\x80" in avif


@pytest.mark.parametrize("size", [(65537, 1), (1, 4_000_000)])
def test_sides_that_av1_cannot_express_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(FormatError, match="at most 65536 a side"):
        Av1Payload().decode(b"\0frame", width=size[0], height=size[1])
    with pytest.raises(InputError, match="AV1 ends at 65536 a side"):
        Av1Payload().encode(np.zeros((size[1], size[0], 3), np.uint8), quality=30)

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


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from(["4:4:4", "4:2:0"]))
def test_rebuilt_boxes_decode_to_the_picture_of_the_original_avif(width: int, height: int, subsampling: str) -> None:
    width += width % 2 if subsampling == "4:2:0" else 0
    avif = pillow_avif(picture(width, height), subsampling=subsampling)
    obus = obus_of_avif(avif)
    packed = pack(obus)
    assert len(avif) - len(packed) >= 279
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


def test_another_size_than_it_was_coded_for_is_an_error_or_that_size() -> None:
    """The frame does not say its size: a reader can only notice where the bits do not fit."""
    data = Av1Payload().encode(picture(48, 40), quality=30, effort="fast")
    refused = 0
    for width, height in ((40, 48), (48, 41), (1, 1), (400, 300), (4000, 3000)):
        try:
            assert Av1Payload().decode(data, width=width, height=height).shape == (height, width, 3)
        except FormatError:
            refused += 1
    assert refused >= 2


def test_other_subsamplings_are_refused() -> None:
    for subsampling, why in (("4:2:2", "profile is 2"), ("4:0:0", "not 8-bit BT.601")):
        obus = obus_of_avif(pillow_avif(picture(16, 16), subsampling=subsampling))
        with pytest.raises(UnsupportedError, match=why):
            pack(obus)


def test_chroma_is_halved_unless_told() -> None:
    lr = picture(32, 32)

    def subsampled(quality: int, chroma: str) -> bool:
        return bool(Av1Payload().encode(lr, quality=quality, effort="fast", chroma=chroma)[0] & 0x80)

    assert all(subsampled(q, chroma) for q in (0, 50, 99) for chroma in ("auto", "420"))
    assert not subsampled(90, "444")


@pytest.mark.parametrize(("width", "height"), [(8, 6), (7, 6), (7, 5), (1, 1), (2, 1), (1, 9), (33, 21)])
def test_chroma_is_interpolated_as_specified(width: int, height: int) -> None:
    """9-3-3-1 about centred samples, at odd widths too; on colours that survive the coder nearly unchanged."""
    h, w = -(-height // 2), -(-width // 2)
    rng = np.random.default_rng(width)
    cb, cr = rng.integers(108, 148, (2, h, w)).astype(float)
    flat = np.full((2 * h, 2 * w), 128.0)
    ycc = np.stack([flat, np.kron(cb, np.ones((2, 2))), np.kron(cr, np.ones((2, 2)))], -1).round().astype(np.uint8)
    lr = np.asarray(Image.fromarray(ycc, "YCbCr").convert("RGB"))[:height, :width]
    data = Av1Payload().encode(np.ascontiguousarray(lr), quality=99, chroma="420")
    got = Av1Payload().decode(data, width=width, height=height).astype(float)

    def up(c: np.ndarray) -> np.ndarray:
        for _ in range(2):  # rows, then columns
            edge = np.pad(c, ((1, 1), (0, 0)), mode="edge")
            pairs = np.stack([(3 * c + edge[:-2]) / 4, (3 * c + edge[2:]) / 4], 1)
            c = pairs.reshape(-1, c.shape[1]).T
        return c[:height, :width] - 128

    u, v = up(cb), up(cr)
    want = 128 + np.stack([1.402 * v, -0.344136 * u - 0.714136 * v, 1.772 * u], -1)
    assert np.abs(got - want).max() <= 5
    assert np.abs(got - want).mean() <= 1.6


@pytest.mark.parametrize("size", [(1, 1), (192, 128), (2048, 72), (2049, 72), (300, 1200), (700, 700)])
@pytest.mark.parametrize("speed", [2, 8])
def test_the_sequence_header_is_predicted_to_the_bit(size: tuple[int, int], speed: int) -> None:
    flat = np.full((size[1], size[0], 3), 90, np.uint8)
    obus = obus_of_avif(pillow_avif(flat, speed=speed))
    header, end = parse(obus)
    assert (header.width, header.height) == size
    assert build(header) == obus[:end]
    assert unpack(pack(obus), *size) == obus


@given(st.integers(1, 65536), st.integers(1, 65536), st.integers(0, 255), st.integers(0, 31))
def test_sequence_headers_read_back(width: int, height: int, flags: int, level: int) -> None:
    header = SequenceHeader(width=width, height=height, flags=flags, level=level)
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

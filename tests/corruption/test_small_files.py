"""Every prefix of a small file and every single-byte change gives a clear error or the identical picture."""

from pathlib import Path

import numpy as np
import pytest

import codec
from codec.container.file import TadmFile
from codec.container.reader import read
from codec.decoding.alpha import alpha_of
from codec.geometry import Box
from codec.lr import StoredLr


def whole_alpha(file: TadmFile) -> np.ndarray | None:
    size = file.header.size
    return alpha_of(file, Box(0, 0, size.width, size.height))


def decoded(data: bytes) -> tuple[bytes, bytes]:
    file = read(data)
    alpha = whole_alpha(file)
    return StoredLr(file).whole().tobytes(), b"" if alpha is None else alpha.tobytes()


@pytest.fixture(scope="module", params=["png", "av1", "webp", "jxl", "alpha"])
def small(request: pytest.FixtureRequest, tiny_package: Path) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    if request.param == "alpha":
        from PIL import Image

        image = Image.fromarray(pixels)
        image.putalpha(Image.fromarray(pixels[..., 0]))
        image.info["icc_profile"] = b"profile"
        return codec.encode(image, payload="png", model=str(tiny_package))
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl", reason="jxl extra is not installed")
    return codec.encode(pixels, payload=request.param, model=str(tiny_package))


def test_every_prefix_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(codec.TadmError):
            decoded(small[:length])


def test_bytes_appended_are_noticed(small: bytes) -> None:
    with pytest.raises(codec.FormatError):
        decoded(small + b"\0")


def test_every_single_byte_change_is_refused_or_harmless(small: bytes) -> None:
    want = decoded(small)
    for offset in range(len(small)):
        for change in (0x01, 0x80, 0xFF):
            data = bytearray(small)
            data[offset] ^= change
            try:
                got = decoded(bytes(data))
            except codec.TadmError as exc:
                got, message = want, str(exc)
            else:
                message = ""
            assert got == want, f"offset {offset}"
            assert "\n" not in message


def test_payloads_broken_behind_a_right_checksum_raise_only_our_errors(small: bytes) -> None:
    import zlib

    rng = np.random.default_rng(2)
    for _ in range(400):
        data = bytearray(small[:-4])
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(4, len(data)))] = int(rng.integers(256))
        data += zlib.crc32(data).to_bytes(4, "big")
        message = ""
        try:
            decoded(bytes(data))
        except codec.TadmError as exc:
            message = str(exc)
        assert "\n" not in message

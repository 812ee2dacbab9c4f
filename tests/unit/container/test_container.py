import dataclasses
import zlib

import pytest

from codec.codings import Coding
from codec.container.compression import deflate
from codec.container.constants import GridPreset
from codec.container.file import Alpha, Header, Metadata, TadmFile
from codec.container.reader import is_tadm, read, read_header
from codec.container.writer import write
from codec.errors import (
    ChecksumError,
    FormatError,
    LimitError,
    SignatureError,
    TruncatedError,
    UnsupportedError,
)
from codec.geometry import Size
from codec.models.compact.family import COMPACT
from codec.models.family import timestep_map
from codec.options import DecodeLimits


def plain(width: int = 768, height: int = 512, coding: Coding = Coding.AV1, **fields: object) -> TadmFile:
    header = Header(
        size=Size(width, height), scale=4, coding=coding, quality=38 if coding is Coding.AV1 else 100,
        grid=GridPreset.COMPACT_64, model_id=bytes(range(8)),
    )  # fmt: skip
    values: dict = {"header": header, "slab": Size(-(-width // 4), -(-height // 4)), "payloads": [b"payload"]} | fields
    return TadmFile(**values)


def sealed(head: bytes) -> bytes:
    """Bytes with a right checksum, to get past it to what is tested."""
    return head + zlib.crc32(head).to_bytes(4, "big")


def test_a_plain_photograph_costs_at_most_24_bytes() -> None:
    assert len(write(plain())) - len(b"payload") == 24
    assert len(write(plain(coding=Coding.PNG))) - len(b"payload") == 23


def test_round_trip_of_everything() -> None:
    file = plain(
        metadata=Metadata(icc=b"i" * 500, exif=b"Exif\0\0", xmp=b"<x/>"),
        timesteps=bytes(range(96)),
        alpha=Alpha(coding=Coding.PNG, parts=(b"png",)),
        unknown=((b"note", b"hello"), (b"note", b"again")),
    )
    data = write(file)
    assert read(data) == file
    assert write(read(data)) == data
    assert read_header(data[:40]) == file.header


def test_round_trip_of_several_slabs() -> None:
    file = plain(slab=Size(128, 64), payloads=[b"a", b"bb", b"", b"dddd"])
    assert read(write(file)) == file


def test_a_damaged_slab_is_named() -> None:
    data = bytearray(write(plain(slab=Size(128, 64), payloads=[b"a", b"bb", b"cc", b"dddd"])))
    data[-1] ^= 1
    with pytest.raises(ChecksumError, match="slab 3 at byte"):
        read(bytes(data))


def test_signature() -> None:
    assert is_tadm(write(plain())[:4])
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"TDM\x9c"):
        assert not is_tadm(data)
        with pytest.raises(SignatureError, match=r"not a \.tadm file"):
            read(data)


def test_another_major_version_is_unsupported_and_another_minor_is_read() -> None:
    data = bytearray(write(plain())[:-4])
    data[4] = 0x1F
    assert read(sealed(bytes(data))) == plain()
    for byte, version in ((0x01, r"0\.1"), (0x20, r"2\.0")):
        data[4] = byte
        with pytest.raises(UnsupportedError, match=f"file has format {version}"):
            read(sealed(bytes(data)))


def test_forbidden_values() -> None:
    good = write(plain())[:-4]
    for offset, value, word in ((10, 0, "scale is 0"), (11, 100, "quality is 100")):
        data = bytearray(good)
        data[offset] = value
        with pytest.raises(FormatError, match=word):
            read(sealed(bytes(data)))
    with pytest.raises(FormatError, match="width is 0"):
        read(sealed(good[:6] + b"\x00" + good[8:]))
    with pytest.raises(FormatError, match="shortest form"):
        read(sealed(good[:6] + b"\x80\x00" + good[8:]))
    with pytest.raises(FormatError, match="longer than 4 bytes"):
        read(sealed(good[:6] + b"\xff" * 9 + good[8:]))


def test_unknown_chunks_are_kept_if_ancillary_and_refused_if_critical() -> None:
    file = plain(unknown=((b"zzzz", b"\x00\x01"),))
    assert read(write(file)).unknown == file.unknown
    with pytest.raises(UnsupportedError, match="'ZZZZ' at byte 21: critical"):
        read(write(plain(unknown=((b"ZZZZ", b""),))))
    with pytest.raises(FormatError, match="not four ASCII letters"):
        read(write(plain(unknown=((b"a/b ", b""),))))


def test_limits_hold_before_anything_is_allocated() -> None:
    data = write(plain(width=2**24 - 1, height=2**24 - 1))
    with pytest.raises(LimitError, match="over the limit of 268435456") as caught:
        read(data)
    assert (caught.value.limit, caught.value.value) == ("pixels", 2**48)
    assert read(data, DecodeLimits(pixels=0)).header.size.width == 2**24 - 1
    chunks = write(plain(unknown=((b"zzzz", b""),) * 65))
    with pytest.raises(LimitError, match="chunk count"):
        read(chunks)
    with pytest.raises(LimitError, match="file size"):
        read(data, DecodeLimits(file_bytes=10))


def test_a_metadata_bomb_is_stopped() -> None:
    file = plain(metadata=Metadata(xmp=b"\0" * 2**26))
    data = write(file)
    assert len(data) < 10_000
    with pytest.raises(LimitError, match="chunk 'xmpp'"):
        read(data)


def test_broken_metadata_is_a_format_error() -> None:
    data = write(plain(metadata=Metadata(icc=b"profile")))
    packed = deflate(b"profile")
    with pytest.raises(FormatError, match="zstd"):
        read(sealed(data[:-4].replace(packed, b"x" * len(packed))))


def test_how_many_timesteps_there_are_is_for_the_family_to_say() -> None:
    file = read(write(plain(timesteps=bytes(95))))
    assert file.timesteps == bytes(95)
    with pytest.raises(FormatError, match="95 timesteps, the picture has 96 tiles"):
        timestep_map(COMPACT, file.header.size, bytes(95))
    assert timestep_map(COMPACT, file.header.size, bytes([0, 255] * 48))[0, :2].tolist() == [10, 200]


def test_codings_and_presets_of_later_versions_are_read() -> None:
    data = bytearray(write(plain(coding=Coding.AV1)))
    data[5] = 7 << 4 | 9  # tile grid preset 7, coding 9
    header = read(sealed(bytes(data[:-4]))).header
    assert (header.grid, header.coding, header.lossless, header.quality) == (7, 9, False, 38)
    data = bytearray(write(plain(coding=Coding.PNG)))
    data[5] = 3
    assert read(sealed(bytes(data[:-4]))).header.lossless


def test_slab_index_must_fit_the_picture() -> None:
    file = plain(slab=Size(128, 64), payloads=[b"a", b"bb", b"cc", b"dddd"])
    with pytest.raises(FormatError, match="4 slabs, the picture has 2"):
        read(write(dataclasses.replace(file, slab=Size(128, 128))))
    with pytest.raises(FormatError, match="4 slabs, the picture has 1"):
        read(write(dataclasses.replace(file, slab=Size(192, 128))))


def test_chunk_longer_than_the_file() -> None:
    data = write(plain(unknown=((b"zzzz", b"12"),)))
    at = data.index(b"zzzz") + 4
    with pytest.raises(TruncatedError, match="'zzzz' at byte 21: 100 bytes long"):
        read(sealed(data[:at] + b"\x64" + data[at + 1 : -4]))


def test_known_chunks_appear_once() -> None:
    file = plain(metadata=Metadata(icc=b"a"), unknown=((b"iccp", deflate(b"b")),))
    with pytest.raises(FormatError, match="appears twice"):
        read(write(file))

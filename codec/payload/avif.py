"""Between a bare AV1 still picture (its OBUs) and an AVIF file that any viewer opens.

libavif writes about 275 bytes of boxes around the coded picture. At these sizes that is a tenth of a file and more, and
all of it can be rebuilt, so a `.tadm` file holds only the OBUs. Sources: ISO/IEC 23000-22 (MIAF), AV1 ISO media file
format binding v1.2, AV1 bitstream specification section 5 (names of the syntax elements below).
"""

from __future__ import annotations

import struct

from codec.errors import FormatError
from codec.payload.av1_header import parse

_TEMPORAL_DELIMITER = b"\x12\x00"


def obus_of_avif(avif: bytes) -> bytes:
    """The OBUs of a one-item AVIF file, without the leading temporal delimiter.

    Raises:
        FormatError: there is no `mdat` box or a box runs over the end.
    """
    at = 0
    while at + 8 <= len(avif):
        size, kind = struct.unpack_from(">I4s", avif, at)
        if size < 8 or at + size > len(avif):
            raise FormatError(f"avif: box {kind!r} at byte {at} has size {size}, {len(avif) - at} bytes are left")
        if kind == b"mdat":
            return avif[at + 8 : at + size].removeprefix(_TEMPORAL_DELIMITER)
        at += size
    raise FormatError("avif: no mdat box")


def avif_of_obus(obus: bytes) -> bytes:
    """An AVIF file around the OBUs of a still picture, 8-bit, BT.601 full range.

    Raises:
        FormatError, UnsupportedError: as `codec.payload.av1_header.parse`.
    """
    seq, _ = parse(obus)
    data = _TEMPORAL_DELIMITER + obus
    profile, sampling, brand = (0, 0x0C, b"MA1B") if seq.subsampled else (1, 0, b"MA1A")
    av1c = bytes([0x81, profile << 5 | seq.level, sampling, 0])
    properties = _box(
        b"ipco",
        _full_box(b"ispe", struct.pack(">II", seq.width, seq.height))
        + _full_box(b"pixi", bytes([3, 8, 8, 8]))
        + _box(b"av1C", av1c)
        # primaries BT.709, transfer sRGB, matrix BT.601, full range
        + _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)),
    )
    # item 1 has properties 1, 2, 3 (essential), 4
    association = _full_box(b"ipma", struct.pack(">IHB", 1, 1, 4) + bytes([1, 2, 0x83, 4]))
    item = _full_box(b"infe", struct.pack(">HH4sB", 1, 0, b"av01", 0), version=2)
    ftyp = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf" + brand)

    def meta(offset: int) -> bytes:
        location = struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(data))
        return _full_box(
            b"meta",
            _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full_box(b"pitm", struct.pack(">H", 1))
            + _full_box(b"iloc", location)
            + _full_box(b"iinf", struct.pack(">H", 1) + item)
            + _box(b"iprp", properties + association),
        )

    head = len(ftyp) + len(meta(0))
    return ftyp + meta(head + 8) + _box(b"mdat", data)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full_box(kind: bytes, body: bytes, *, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24) + body)

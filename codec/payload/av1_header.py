"""The AV1 sequence header of a still picture: read, and written anew from eight flags and a size.

An encoder spends 11 bytes on a header of which everything but a few flags follows from the size of the picture. So a
payload keeps one byte of flags and the frame itself. Names and order of fields: AV1 bitstream specification, 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from codec.errors import FormatError, TruncatedError, UnsupportedError

_SEQUENCE_HEADER, _FRAME = 1, 6
#: Tool flags in the order of their bits, bit 0 first.
_TOOLS = (
    "use_128x128_superblock",
    "enable_filter_intra",
    "enable_intra_edge_filter",
    "enable_superres",
    "enable_cdef",
    "enable_restoration",
    "separate_uv_delta_q",
)
#: seq_level_idx with the largest width, height and area of its level (specification, annex A.3).
_LEVELS = (
    (0, 2048, 1152, 147456),
    (1, 2816, 1584, 278784),
    (4, 4352, 2448, 665856),
    (5, 5504, 3096, 1065024),
    (8, 6144, 3456, 2359296),
    (12, 8192, 4352, 8912896),
    (16, 16384, 8704, 35651584),
)
_NO_LEVEL = 31
#: Bit of the flags: chroma at half the size each way (4:2:0).
SUBSAMPLED = 0x80
#: Largest side in pixels that AV1 can express.
MAX_SIDE = 2**16
# colour: primaries BT.709, transfer sRGB, matrix BT.601
_COLOUR = (1, 13, 6)


@dataclass(frozen=True, kw_only=True)
class SequenceHeader:
    """What our still pictures have to say.

    Attributes:
        width, height: in pixels.
        flags: bits of `_TOOLS` and `SUBSAMPLED`, 0..255.
        level: seq_level_idx; it has no effect on decoding.
    """

    width: int
    height: int
    flags: int
    level: int

    @property
    def subsampled(self) -> bool:
        """4:2:0 (profile 0), else 4:4:4 (profile 1)."""
        return bool(self.flags & SUBSAMPLED)


def build(header: SequenceHeader) -> bytes:
    """The sequence header OBU, 8-bit 4:2:0 or 4:4:4, BT.601 full range, no film grain."""
    bits = _Writer()
    bits.put(0 if header.subsampled else 1, 3)  # seq_profile
    bits.put(3, 2)  # still_picture, reduced_still_picture_header
    bits.put(header.level, 5)
    sides = (header.width - 1, header.height - 1)
    lengths = [max(1, side.bit_length()) for side in sides]
    for length in lengths:
        bits.put(length - 1, 4)
    for side, length in zip(sides, lengths, strict=True):
        bits.put(side, length)
    for index in range(6):
        bits.put(header.flags >> index & 1, 1)
    bits.put(0, 1)  # high_bitdepth
    if header.subsampled:
        bits.put(0, 1)  # mono_chrome
    bits.put(1, 1)  # color_description_present_flag
    for value in _COLOUR:
        bits.put(value, 8)
    bits.put(1, 1)  # color_range: full
    if header.subsampled:
        bits.put(0, 2)  # chroma_sample_position: unknown, which all readers take for centred
    bits.put(header.flags >> 6 & 1, 1)  # separate_uv_delta_q
    bits.put(0, 1)  # film_grain_params_present
    bits.put(1, 1)  # trailing_one_bit
    body = bits.done()
    return bytes([_SEQUENCE_HEADER << 3 | 2, len(body)]) + body


def parse(obus: bytes) -> tuple[SequenceHeader, int]:
    """The leading sequence header OBU and its length in bytes.

    Raises:
        TruncatedError: the OBU is shorter than its fields.
        FormatError: the first OBU is no sequence header.
        UnsupportedError: a still picture of another kind than `build` writes.
    """
    kind, at, size = _obu(obus, 0)
    if kind != _SEQUENCE_HEADER:
        raise FormatError(f"av1 payload: first OBU has type {kind}, expected a sequence header (1)")
    bits = _Reader(obus[at : at + size])
    profile, still, reduced = bits.take(3), bits.take(1), bits.take(1)
    if not (still and reduced):
        raise UnsupportedError("av1 payload: sequence header is not a reduced still-picture header")
    if profile not in (0, 1):
        raise UnsupportedError(f"av1 payload: profile is {profile}, expected 0 or 1 (8-bit 4:2:0 or 4:4:4)")
    level = bits.take(5)
    lengths = [bits.take(4) + 1, bits.take(4) + 1]
    width, height = (bits.take(n) + 1 for n in lengths)
    flags = sum(bits.take(1) << i for i in range(6))
    more_depth, gray = bits.take(1), profile == 0 and bits.take(1)
    described = bits.take(1) and tuple(bits.take(8) for _ in range(3)) == _COLOUR
    full, position = bits.take(1), profile == 0 and bits.take(2)
    if more_depth or gray or not described or not full or position:
        raise UnsupportedError("av1 payload: not 8-bit BT.601 full range with an sRGB transfer curve")
    flags |= bits.take(1) << 6 | (0 if profile else SUBSAMPLED)
    return SequenceHeader(width=width, height=height, flags=flags, level=level), at + size


def pack(obus: bytes) -> bytes:
    """OBUs of a still picture without temporal delimiter -> one byte of flags and the frame.

    Raises:
        FormatError, UnsupportedError: not a picture that `unpack` would give back, but for the level.
    """
    header, end = parse(obus)
    kind, at, size = _obu(obus, end)
    frame = obus[at : at + size]
    if kind != _FRAME or build(header) + _frame_obu(frame) != obus:
        raise UnsupportedError("av1 payload: this AV1 encoder writes a stream of another form")
    return bytes([header.flags]) + frame


def unpack(packed: bytes, width: int, height: int) -> bytes:
    """Undo `pack`, for a picture of known size (as coded: see `coded_width`).

    Raises:
        TruncatedError: nothing there.
        FormatError: a side is longer than AV1 can express.
    """
    if len(packed) < 2:
        raise TruncatedError(f"av1 payload: {len(packed)} bytes long, expected flags and a frame")
    if max(width, height) > MAX_SIDE:
        raise FormatError(f"av1 payload: the picture is {width}x{height}, expected at most {MAX_SIDE} a side")
    level = next((i for i, w, h, most in _LEVELS if width <= w and height <= h and width * height <= most), _NO_LEVEL)
    return build(SequenceHeader(width=width, height=height, flags=packed[0], level=level)) + _frame_obu(packed[1:])


def coded_width(packed: bytes, width: int) -> int:
    """Width of the coded picture: with 4:2:0 an odd one has a column more, so that every column has its chroma.

    Decoders do not agree on how the chroma of an odd last column is interpolated.
    """
    return width + (width & 1 if packed[:1] and packed[0] & SUBSAMPLED else 0)


def _frame_obu(frame: bytes) -> bytes:
    size, length = len(frame), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([_FRAME << 3 | 2, *length, size]) + frame


def _obu(data: bytes, at: int) -> tuple[int, int, int]:
    """Type, start and size of the body of the OBU at `at`; it must have a size field and no extension."""
    if at >= len(data):
        raise TruncatedError(f"av1 payload: ends at byte {len(data)}, an OBU is missing")
    head = data[at]
    if head & 0x87 != 2:
        raise FormatError(f"av1 payload: OBU header at byte {at} is {head:#04x}")
    size = shift = 0
    for index in range(at + 1, min(at + 6, len(data))):
        size |= (data[index] & 0x7F) << shift
        shift += 7
        if not data[index] & 0x80:
            if size > len(data) - index - 1:
                break
            return head >> 3 & 15, index + 1, size
    raise TruncatedError(f"av1 payload: OBU at byte {at} runs over the end")


class _Reader:
    """Most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._at >> 3
            if byte >= len(self._data):
                raise TruncatedError(f"av1 payload: sequence header ends at byte {len(self._data)}")
            value = value << 1 | (self._data[byte] >> (7 - (self._at & 7)) & 1)
            self._at += 1
        return value


class _Writer:
    """Most significant bit first."""

    def __init__(self) -> None:
        self._bits = ""

    def put(self, value: int, count: int) -> None:
        self._bits += format(value, f"0{count}b")

    def done(self) -> bytes:
        padded = self._bits + "0" * (-len(self._bits) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8, "big")

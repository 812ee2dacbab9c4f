"""Bytes -> `TadmFile`. Safe on hostile input: only `TadmError` subclasses escape, and sizes are checked before use."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import overload

from codec.codings import is_lossless
from codec.container import schema
from codec.container.compression import inflate
from codec.container.constants import (
    COMPRESSED_CHUNKS,
    KNOWN_CHUNKS,
    MAGIC,
    MAX_SIDE,
    VERSION_MAJOR,
    VERSION_MINOR,
    ChunkType,
)
from codec.container.file import Alpha, Header, Metadata, TadmFile
from codec.container.limits import check
from codec.container.source import MemorySource, Source
from codec.errors import ChecksumError, FormatError, SignatureError, TruncatedError, UnsupportedError
from codec.geometry import TIMESTEP_TILE, Size, lr_size, padded
from codec.options import DecodeLimits

_CRC_SIZE = 4
#: More than any header can have.
_HEADER_ROOM = 64

_Chunk = tuple[bytes, bytes]


def is_tadm(prefix: bytes) -> bool:
    """Whether a file that begins so is a `.tadm` file (four bytes are enough)."""
    return prefix[: len(MAGIC)] == MAGIC


def read_header(data: bytes, limits: DecodeLimits | None = None) -> Header:
    """The fixed fields only; the rest of the file is neither read nor checked.

    Args:
        data: the file, or at least its first 32 bytes.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: see `read`.
    """
    return _header(data[:_HEADER_ROOM], limits or DecodeLimits())[0]


def read(data: bytes | Source, limits: DecodeLimits | None = None) -> TadmFile:
    """Parse and check a file.

    From bytes, every checksum is checked at once. From a `Source`, the slabs of a file that has several are read and
    checked one by one when they are asked for.

    Args:
        data: the file.
        limits: None = the defaults.

    Raises:
        SignatureError: it does not begin as a `.tadm` file.
        TruncatedError: it ends too early.
        ChecksumError: bytes changed after writing.
        FormatError: any other violation of the format.
        UnsupportedError: another major version, or a critical chunk this version does not know. A payload coding or a
            tile grid preset that it does not know is left to those who decode.
        LimitError: it asks for more than `limits` allow.
    """
    limits = limits or DecodeLimits()
    source: Source = MemorySource(data) if isinstance(data, bytes) else data
    check(limits, "file_bytes", source.size, "file size")
    start = source.read_at(0, _HEADER_ROOM)
    header, at = _header(start, limits)
    end = source.size - _CRC_SIZE
    if at > end:
        raise TruncatedError(f"file ends at byte {source.size}, its header alone needs {at + _CRC_SIZE}")
    chunks, at = _chunks(source, at, end, limits) if start[5] & 0x80 else ([], at)
    index = next((body for kind, body in chunks if kind == ChunkType.SLABS), None)
    # one slab: the checksum is the last of the file and covers all of it; several: it stands before the payload
    if index is not None:
        end = at
    checked = source.read_at(0, end)
    stored, computed = int.from_bytes(source.read_at(end, _CRC_SIZE), "big"), zlib.crc32(checked)
    if stored != computed:
        raise ChecksumError(f"crc32 at byte {end}: is {stored:#010x}, computed {computed:#010x}: file damaged or cut")
    lr = lr_size(header.size, header.scale)
    if index is None:
        return _assemble(header, lr, [checked[at:]], end - at, chunks, limits)
    slab, payloads = _slabs(index, source, lr, limits, end + _CRC_SIZE)
    kept = list(payloads) if isinstance(data, bytes) else payloads
    return _assemble(header, slab, kept, payloads.total_bytes, chunks, limits)


class SlabPayloads(Sequence[bytes]):
    """The payloads of a file with several slabs: read and checked when asked for."""

    def __init__(self, source: Source, entries: list[tuple[int, int, int]]) -> None:
        self._source = source
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def total_bytes(self) -> int:
        """Sum of the lengths, from the index."""
        return sum(length for _, length, _ in self._entries)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        offset, length, crc = self._entries[index]
        data = self._source.read_at(offset, length)
        if len(data) < length:
            raise TruncatedError(f"slab {index} at byte {offset}: {length} bytes long, {len(data)} are left")
        if zlib.crc32(data) != crc:
            raise ChecksumError(f"slab {index} at byte {offset}: crc32 is not {crc:#010x}")
        return data


def _header(data: bytes, limits: DecodeLimits) -> tuple[Header, int]:
    if not is_tadm(data):
        shown = data[: len(MAGIC)].hex(" ") or "nothing"
        raise SignatureError(f"not a .tadm file: begins with {shown}, expected {MAGIC.hex(' ')}")
    if len(data) > len(MAGIC) and data[4] >> 4 != VERSION_MAJOR:
        raise UnsupportedError(
            f"file has format {data[4] >> 4}.{data[4] & 15}, this version reads {VERSION_MAJOR}.x up to "
            f"{VERSION_MAJOR}.{VERSION_MINOR}"
        )
    fields = schema.parse(schema.HEADER, data, "header")
    size = Size(fields.width, fields.height)
    for name, side in (("width", size.width), ("height", size.height)):
        if not 1 <= side <= MAX_SIDE:
            raise FormatError(f"header: {name} is {side}, expected 1..{MAX_SIDE}")
    # the networks run on whole timestep tiles: a picture of one row costs 64
    work = padded(size.width, TIMESTEP_TILE) * padded(size.height, TIMESTEP_TILE)
    check(limits, "pixels", work, f"header: {size.width}x{size.height} pixels, in whole tiles")
    coding, grid = int(fields.packing.coding), int(fields.packing.grid_preset)
    if fields.scale < 1:
        raise FormatError("header: scale is 0, expected 1..255")
    quality = 100 if is_lossless(coding) else fields.quality
    if not is_lossless(coding) and quality > 99:
        raise FormatError(f"header: quality is {quality}, expected 0..99")
    header = Header(size=size, scale=fields.scale, coding=coding, quality=quality, grid=grid, model_id=fields.model_id)
    return header, len(schema.HEADER.build(fields))


def _chunks(source: Source, at: int, end: int, limits: DecodeLimits) -> tuple[list[_Chunk], int]:
    count = schema.parse(schema.CHUNK_COUNT, source.read_at(at, min(2, end - at)), "chunk count", at)
    at += len(schema.CHUNK_COUNT.build(count))
    check(limits, "chunks", count, "chunk count")
    chunks: list[_Chunk] = []
    for _ in range(count):
        head = schema.parse(schema.CHUNK_HEAD, source.read_at(at, min(9, end - at)), "chunk", at)
        start = at + len(schema.CHUNK_HEAD.build(head))
        name = head.type.decode("ascii", "backslashreplace")
        if not (head.type.isalpha() and head.type.isascii()):
            raise FormatError(f"chunk at byte {at}: type {name!r} is not four ASCII letters")
        if head.length > end - start:
            raise TruncatedError(f"chunk {name!r} at byte {at}: {head.length} bytes long, {end - start} are left")
        if head.type not in KNOWN_CHUNKS and head.type[:1].isupper():
            raise UnsupportedError(f"chunk {name!r} at byte {at}: critical and not known to this version")
        if head.type in KNOWN_CHUNKS and any(kind == head.type for kind, _ in chunks):
            raise FormatError(f"chunk {name!r} at byte {at}: appears twice")
        chunks.append((head.type, source.read_at(start, head.length)))
        at = start + head.length
    return chunks, at


def _slabs(body: bytes, source: Source, lr: Size, limits: DecodeLimits, at: int) -> tuple[Size, SlabPayloads]:
    # an entry has at most nine bytes: too long an index is refused before it is parsed
    check(limits, "slabs", (len(body) - 8) // 9, "slab count")
    fields = schema.parse(schema.SLABS, body, "chunk 'SLAB'")
    slab = Size(fields.width, fields.height)
    if slab.width < 1 or slab.height < 1:
        raise FormatError(f"chunk 'SLAB': slab is {slab.width}x{slab.height}, expected at least 1x1")
    cells = Size(-(-lr.width // slab.width), -(-lr.height // slab.height))
    check(limits, "slabs", cells.pixels, "slab count")
    if cells.pixels != len(fields.entries) or cells.pixels < 2:
        raise FormatError(f"chunk 'SLAB': {len(fields.entries)} slabs, the picture has {cells.pixels}")
    entries = []
    for entry in fields.entries:
        entries.append((at, entry.length, entry.crc))
        at += entry.length
    if at > source.size:
        raise TruncatedError(f"payload: slabs end at byte {at}, the file at byte {source.size}")
    if at < source.size:
        raise FormatError(f"payload: {source.size - at} bytes follow the last slab")
    return slab, SlabPayloads(source, entries)


def _alpha(body: bytes | None, slabs: int) -> Alpha | None:
    if body is None:
        return None
    fields = schema.parse(schema.alpha(slabs), body, "chunk 'ALPH'")
    return Alpha(coding=int(fields.coding), parts=tuple(fields.parts))


def _assemble(
    header: Header, slab: Size, payloads: Sequence[bytes], payload_bytes: int, chunks: list[_Chunk],
    limits: DecodeLimits,
) -> TadmFile:  # fmt: skip
    known = {
        kind: inflate(body, limits, f"chunk {kind.decode()!r}") if kind in COMPRESSED_CHUNKS else body
        for kind, body in chunks
        if kind in KNOWN_CHUNKS
    }
    return TadmFile(
        header=header,
        slab=slab,
        payloads=payloads,
        payload_bytes=payload_bytes,
        metadata=Metadata(icc=known.get(ChunkType.ICC), exif=known.get(ChunkType.EXIF), xmp=known.get(ChunkType.XMP)),
        timesteps=known.get(ChunkType.TIMESTEPS),
        alpha=_alpha(known.get(ChunkType.ALPHA), len(payloads)),
        unknown=tuple((kind, body) for kind, body in chunks if kind not in KNOWN_CHUNKS),
    )

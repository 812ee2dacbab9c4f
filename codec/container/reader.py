"""bytes -> `TadmFile`. Safe on hostile input: only `TadmError` subclasses escape, and sizes are checked before use."""

from __future__ import annotations

import zlib
from typing import Any

from codec.container import schema
from codec.container.constants import (
    COMPRESSED_CHUNKS,
    KNOWN_CHUNKS,
    LOSSLESS,
    MAGIC,
    MAX_SIDE,
    VERSION_MAJOR,
    VERSION_MINOR,
    ChunkType,
    Coding,
    GridPreset,
)
from codec.container.limits import check, inflate
from codec.container.model import Header, Metadata, TadmFile
from codec.errors import ChecksumError, FormatError, SignatureError, TruncatedError, UnsupportedError
from codec.geometry import Size, grid_cells, lr_size
from codec.options import DecodeLimits

#: Side of the timestep tile of each grid preset, in HR pixels.
_TIMESTEP_TILE = {GridPreset.COMPACT_64: 64}
_CRC_SIZE = 4


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
    return _header(data, limits or DecodeLimits())[0]


def read(data: bytes, limits: DecodeLimits | None = None) -> TadmFile:
    """Parse and check a whole file.

    Args:
        data: the file.
        limits: None = the defaults.

    Raises:
        SignatureError: it does not begin as a `.tadm` file.
        TruncatedError: it ends too early.
        ChecksumError: bytes changed after writing.
        FormatError: any other violation of the format.
        UnsupportedError: another major version, or a critical chunk or coding this version does not know.
        LimitError: it asks for more than `limits` allow.
    """
    limits = limits or DecodeLimits()
    check(limits, "file_bytes", len(data), "file size")
    header, at = _header(data, limits)
    end = len(data) - _CRC_SIZE
    if at > end:
        raise TruncatedError(f"file ends at byte {len(data)}, its header alone needs {at + _CRC_SIZE}")
    chunks, at = _chunks(data, at, end, limits) if _has_chunks(data) else ([], at)
    slabs = [body for kind, body in chunks if kind == ChunkType.SLABS]
    stored = int.from_bytes(data[end:], "big")
    computed = zlib.crc32(data[:at] if slabs else data[:end])
    if stored != computed:
        raise ChecksumError(f"crc32 at byte {end}: is {stored:#010x}, computed {computed:#010x}: file damaged or cut")
    lr = lr_size(header.size, header.scale)
    slab, payloads = _slabs(slabs[0], data[at:end], lr, limits, at) if slabs else (lr, [data[at:end]])
    return _assemble(header, slab, payloads, chunks, limits)


def _header(data: bytes, limits: DecodeLimits) -> tuple[Header, int]:
    if not is_tadm(data):
        shown = data[: len(MAGIC)].hex(" ") or "nothing"
        raise SignatureError(f"not a .tadm file: begins with {shown}, expected {MAGIC.hex(' ')}")
    if len(data) > len(MAGIC) and data[4] >> 4 != VERSION_MAJOR:
        raise UnsupportedError(
            f"file has format {data[4] >> 4}.{data[4] & 15}, this version reads {VERSION_MAJOR}.x up to "
            f"{VERSION_MAJOR}.{VERSION_MINOR}"
        )
    fields = schema.parse(schema.HEADER, data[:64], "header")
    size = Size(fields.width, fields.height)
    for name, side in (("width", size.width), ("height", size.height)):
        if not 1 <= side <= MAX_SIDE:
            raise FormatError(f"header: {name} is {side}, expected 1..{MAX_SIDE}")
    check(limits, "pixels", size.pixels, f"header: {size.width}x{size.height} pixels")
    coding = _known(Coding, fields.packing.coding, "payload coding")
    grid = _known(GridPreset, fields.packing.grid_preset, "tile grid preset")
    if fields.scale < 1:
        raise FormatError("header: scale is 0, expected 1..255")
    quality = 100 if coding in LOSSLESS else fields.quality
    if coding not in LOSSLESS and quality > 99:
        raise FormatError(f"header: quality is {quality}, expected 0..99")
    header = Header(size=size, scale=fields.scale, coding=coding, quality=quality, grid=grid, model_id=fields.model_id)
    return header, len(schema.HEADER.build(fields))


def _known(kind: Any, value: int, what: str) -> Any:  # noqa: ANN401 - an IntEnum class and its member
    try:
        return kind(value)
    except ValueError as exc:
        raise UnsupportedError(f"header: {what} {value} is not known to this version") from exc


def _has_chunks(data: bytes) -> bool:
    return bool(data[5] & 0x80)


def _chunks(data: bytes, at: int, end: int, limits: DecodeLimits) -> tuple[list[tuple[bytes, bytes]], int]:
    count = schema.parse(schema.CHUNK_COUNT, data[at : min(at + 2, end)], "chunk count", at)
    at += len(schema.CHUNK_COUNT.build(count))
    check(limits, "chunks", count, "chunk count")
    chunks: list[tuple[bytes, bytes]] = []
    for _ in range(count):
        head = schema.parse(schema.CHUNK_HEAD, data[at : min(at + 9, end)], "chunk", at)
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
        chunks.append((head.type, data[start : start + head.length]))
        at = start + head.length
    return chunks, at


def _slabs(body: bytes, payload: bytes, lr: Size, limits: DecodeLimits, offset: int) -> tuple[Size, list[bytes]]:
    fields = schema.parse(schema.SLABS, body, "chunk 'SLAB'")
    slab = Size(fields.width, fields.height)
    if slab.width < 1 or slab.height < 1:
        raise FormatError(f"chunk 'SLAB': slab is {slab.width}x{slab.height}, expected at least 1x1")
    cells = Size(-(-lr.width // slab.width), -(-lr.height // slab.height))
    check(limits, "slabs", cells.pixels, "slab count")
    if cells.pixels != len(fields.entries) or cells.pixels < 2:
        raise FormatError(f"chunk 'SLAB': {len(fields.entries)} slabs, the picture has {cells.pixels}")
    payloads, at = [], 0
    for index, entry in enumerate(fields.entries):
        part = payload[at : at + entry.length]
        if len(part) < entry.length:
            raise TruncatedError(f"slab {index} at byte {offset + at}: {entry.length} bytes long, {len(part)} are left")
        if zlib.crc32(part) != entry.crc:
            raise ChecksumError(f"slab {index} at byte {offset + at}: crc32 is not {entry.crc:#010x}")
        payloads.append(part)
        at += entry.length
    if at != len(payload):
        raise FormatError(f"payload: {len(payload) - at} bytes follow the last slab")
    return slab, payloads


def _assemble(
    header: Header, slab: Size, payloads: list[bytes], chunks: list[tuple[bytes, bytes]], limits: DecodeLimits
) -> TadmFile:
    known = {
        kind: inflate(body, limits, f"chunk {kind.decode()!r}") if kind in COMPRESSED_CHUNKS else body
        for kind, body in chunks
        if kind in KNOWN_CHUNKS
    }
    timesteps = known.get(ChunkType.TIMESTEPS)
    if timesteps is not None:
        if header.grid not in _TIMESTEP_TILE:
            raise UnsupportedError(f"chunk 'tmap': not supported with tile grid preset {int(header.grid)}")
        cells = grid_cells(header.size, _TIMESTEP_TILE[header.grid]).pixels
        if len(timesteps) != cells:
            raise FormatError(f"chunk 'tmap': {len(timesteps)} timesteps, the picture has {cells} tiles")
    alpha = known.get(ChunkType.ALPHA)
    return TadmFile(
        header=header,
        slab=slab,
        payloads=payloads,
        metadata=Metadata(icc=known.get(ChunkType.ICC), exif=known.get(ChunkType.EXIF), xmp=known.get(ChunkType.XMP)),
        timesteps=timesteps,
        alpha=None if alpha is None else schema.parse(schema.ALPHA, alpha, "chunk 'ALPH'").data,
        unknown=[(kind, body) for kind, body in chunks if kind not in KNOWN_CHUNKS],
    )

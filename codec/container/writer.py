"""`TadmFile` -> bytes. Always writes the shortest form; the same values give the same bytes."""

from __future__ import annotations

import zlib

import construct as cs

from codec.container import schema
from codec.container.compression import deflate
from codec.container.constants import (
    COMPRESSED_CHUNKS,
    SINCE_MINOR_1,
    VERSION_MAJOR,
    ChunkType,
)
from codec.container.file import TadmFile
from codec.errors import InputError


def write(file: TadmFile) -> bytes:
    """Serialise a file.

    Raises:
        InputError: a value does not fit the format.
    """
    header = file.header
    try:
        chunks = _chunks(file)
        head: bytes = schema.HEADER.build(
            {
                "version": {"major": VERSION_MAJOR, "minor": int(header.grid in SINCE_MINOR_1)},
                "packing": {"has_chunks": bool(chunks), "grid_preset": header.grid, "coding": header.coding},
                "width": header.size.width,
                "height": header.size.height,
                "scale": header.scale,
                "quality": None if header.lossless else header.quality,
                "model_id": header.model_id,
            }
        )
        if chunks:
            head += schema.CHUNK_COUNT.build(len(chunks))
        for kind, body in chunks:
            packed = deflate(body) if kind in COMPRESSED_CHUNKS else body
            head += schema.CHUNK_HEAD.build({"type": kind, "length": len(packed)}) + packed
    except cs.ConstructError as exc:
        raise InputError(f"container: a value does not fit the format ({exc})") from exc
    if len(file.payloads) == 1:
        return _checked(head + file.payloads[0])
    # each slab has its own checksum in the index, so that one can be read without the others
    return _checked(head) + b"".join(file.payloads)


def _checked(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "big")


def _chunks(file: TadmFile) -> list[tuple[bytes, bytes]]:
    chunks: list[tuple[bytes, bytes]] = []
    if len(file.payloads) > 1:
        entries = [{"length": len(p), "crc": zlib.crc32(p)} for p in file.payloads]
        body = schema.SLABS.build({"width": file.slab.width, "height": file.slab.height, "entries": entries})
        chunks.append((ChunkType.SLABS, body))
    if file.alpha is not None:
        body = schema.alpha(len(file.payloads)).build({"coding": file.alpha.coding, "parts": file.alpha.parts})
        chunks.append((ChunkType.ALPHA, body))
    optional = (
        (ChunkType.TIMESTEPS, file.timesteps),
        (ChunkType.ICC, file.metadata.icc),
        (ChunkType.EXIF, file.metadata.exif),
        (ChunkType.XMP, file.metadata.xmp),
    )
    chunks += [(kind, body) for kind, body in optional if body is not None]
    return [*chunks, *file.unknown]

"""Chunk bodies that are zstd-compressed."""

from __future__ import annotations

import zstandard

from codec.container.limits import check
from codec.errors import FormatError, TruncatedError
from codec.options import DecodeLimits

#: Compressed bytes handed over at a time: what one step can inflate to stays bounded (zstd: under 2^17 times).
_STEP = 64


def inflate(data: bytes, limits: DecodeLimits, what: str) -> bytes:
    """Decompress a zstd frame without ever holding more than the limit.

    Raises:
        LimitError: it inflates to more than `limits.metadata_bytes`.
        FormatError: not one whole zstd frame and nothing else.
    """
    try:
        frame = zstandard.get_frame_parameters(data)
        # the window is what the decompressor allocates, whatever the content turns out to be
        check(limits, "metadata_bytes", frame.window_size if frame.window_size > 2**20 else 0, f"{what}: window")
        inflater, out = zstandard.ZstdDecompressor().decompressobj(), bytearray()
        for at in range(0, len(data), _STEP):
            out += inflater.decompress(data[at : at + _STEP])
            check(limits, "metadata_bytes", len(out), what)
            if inflater.eof:
                break
    except zstandard.ZstdError as exc:
        raise FormatError(f"{what}: not a readable zstd frame ({exc})") from exc
    if not inflater.eof:
        raise TruncatedError(f"{what}: its zstd frame ends too early")
    if inflater.unused_data or at + _STEP < len(data):
        raise FormatError(f"{what}: bytes follow its zstd frame")
    return bytes(out)


def deflate(data: bytes) -> bytes:
    """Compress a chunk body."""
    return zstandard.ZstdCompressor(level=19, write_content_size=False, write_checksum=False).compress(data)

"""Checks of what a file asks for against `DecodeLimits`, before memory is spent on it."""

from __future__ import annotations

import zstandard

from codec.errors import FormatError, LimitError
from codec.options import DecodeLimits


def check(limits: DecodeLimits, name: str, value: int, what: str) -> None:
    """Refuse a value above the limit of that name; 0 = no limit.

    Raises:
        LimitError: `value` is above it.
    """
    allowed: int = getattr(limits, name)
    if allowed and value > allowed:
        raise LimitError(f"{what}: {value} is over the limit of {allowed} ({name})", limit=name, value=value)


def inflate(data: bytes, limits: DecodeLimits, what: str) -> bytes:
    """Decompress a zstd frame without ever holding more than the limit.

    Raises:
        LimitError: it inflates to more than `limits.metadata_bytes`.
        FormatError: not a zstd frame, or broken.
    """
    allowed = limits.metadata_bytes or 2**40
    try:
        frame = zstandard.get_frame_parameters(data)
        # the window is what the decompressor allocates, whatever the content turns out to be
        check(limits, "metadata_bytes", frame.window_size if frame.window_size > 2**20 else 0, f"{what}: window")
        reader = zstandard.ZstdDecompressor().stream_reader(data)
        out = reader.read(allowed + 1)
    except zstandard.ZstdError as exc:
        raise FormatError(f"{what}: not a readable zstd frame ({exc})") from exc
    if len(out) > allowed:
        check(limits, "metadata_bytes", len(out), what)
    return out


def deflate(data: bytes) -> bytes:
    """Compress a chunk body."""
    return zstandard.ZstdCompressor(level=19, write_content_size=False, write_checksum=False).compress(data)

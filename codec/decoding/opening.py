"""From bytes, paths and file objects to a parsed container."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from codec.container.file import TadmFile
from codec.container.reader import read
from codec.container.source import FileSource
from codec.errors import InputError
from codec.options import DecodeLimits

#: Everything that a file may come as.
Data = bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]


@dataclass(frozen=True)
class Parsed:
    """A parsed container.

    Attributes:
        file: what it says.
        length: bytes of the whole file.
        held: what has to be closed when it is done with.
    """

    file: TadmFile
    length: int
    held: ExitStack


def parse(data: Data, limits: DecodeLimits | None = None) -> Parsed:
    """Parse and check a file.

    Paths and seekable file objects are not read whole: the slabs of a large file are read when they are asked for.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        InputError: this is neither bytes, a path nor a binary file object.
        OSError: it cannot be read.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        raw = bytes(data)
        return Parsed(read(raw, limits), len(raw), ExitStack())
    if isinstance(data, str | os.PathLike):
        with ExitStack() as stack:
            handle = stack.enter_context(open(data, "rb"))  # noqa: PTH123 - accepts any PathLike
            file, length = _read_from(handle, limits)
            return Parsed(file, length, stack.pop_all())
    if not callable(getattr(data, "read", None)):
        raise InputError(f"file is a {type(data).__name__}, expected bytes, a path or a binary file object")
    file, length = _read_from(data, limits)
    return Parsed(file, length, ExitStack())


def _read_from(handle: IO[bytes], limits: DecodeLimits | None) -> tuple[TadmFile, int]:
    """A file object: what can seek is read where it is needed, anything else (a pipe) whole."""
    seekable = getattr(handle, "seekable", None)
    if seekable is not None and seekable():
        source = FileSource(handle)
        return read(source, limits), source.size
    allowed = (limits or DecodeLimits()).file_bytes
    raw = _all(handle, allowed + 1 if allowed else None)
    return read(raw, limits), len(raw)


def _all(handle: IO[bytes], most: int | None) -> bytes:
    """All bytes up to `most`; what gives fewer than asked for is asked again until it gives none."""
    parts, left = [], most
    while left is None or left > 0:
        part = handle.read(-1 if left is None else left)
        if not part:
            break
        if not isinstance(part, bytes):
            raise InputError("file object is open in text mode, expected a binary one")
        parts.append(part)
        if left is not None:
            left -= len(part)
    return b"".join(parts)

"""Where a file's bytes come from: memory, or a seekable file object of which only the needed parts are read."""

from __future__ import annotations

import io
import threading
from typing import IO, Protocol

from codec.errors import InputError


class Source(Protocol):
    """Random access to the bytes of a file.

    Attributes:
        size: of the whole file in bytes.
    """

    size: int

    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`; fewer only at the end of the file."""


class MemorySource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read_at(self, offset: int, count: int) -> bytes:
        """See `Source.read_at`."""
        return self._data[offset : offset + count]


class FileSource:
    """A seekable binary file object; safe to use from several threads. It is not closed here.

    Raises:
        InputError: it cannot seek, or is open in text mode.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        if not handle.seekable() or hasattr(handle, "encoding"):
            raise InputError("file object cannot seek or is not binary; read it into bytes first")
        self._handle = handle
        self._lock = threading.Lock()
        self.size = handle.seek(0, io.SEEK_END)

    def read_at(self, offset: int, count: int) -> bytes:
        """See `Source.read_at`."""
        parts, left = [], count
        with self._lock:
            self._handle.seek(offset)
            while left > 0:
                part = self._handle.read(left)
                if not part:  # b"" at the end, None where nothing has arrived yet
                    break
                parts.append(part)
                left -= len(part)
        return b"".join(parts)

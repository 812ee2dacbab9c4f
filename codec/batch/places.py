"""Addresses of files, on this machine or anywhere that fsspec reaches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from codec.errors import InputError
from codec.files import remove_unfinished, write_file
from codec.optional import need


class Place:
    """A file or folder, by path or address ("s3://bucket/photos").

    Attributes:
        path: without the protocol.
        local: whether it is a path of this machine.
    """

    def __init__(self, address: str) -> None:
        """Find its file system.

        Raises:
            UnsupportedError: fsspec, or what it needs for this protocol, is not installed.
            InputError: no such protocol.
        """
        core = need("fsspec.core", "batch", "batch runs")
        try:
            self._fs, self.path = core.url_to_fs(address)
        except (ValueError, ImportError) as exc:
            raise InputError(f"{address}: {exc}") from exc
        self.local = "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,))

    def __truediv__(self, name: str) -> Place:
        """A place below."""
        made = object.__new__(Place)
        made._fs, made.path, made.local = self._fs, f"{self.path.rstrip('/')}/{name}", self.local
        return made

    @property
    def fs(self) -> Any:  # noqa: ANN401 - fsspec is untyped
        """Its fsspec file system."""
        return self._fs

    def address(self, path: str) -> str:
        """How a path of this file system is called from outside: plain on this machine, with its protocol elsewhere."""
        return path if self.local else str(self._fs.unstrip_protocol(path))

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Bytes of the file.

        Raises:
            OSError: it cannot be read.
        """
        return bytes(self._fs.cat_file(self.path, start=start or None, end=end))

    def write(self, data: bytes) -> None:
        """Write the file whole or not at all; folders above are made.

        Raises:
            OSError: it cannot be written.
        """
        self.prepare()
        if self.local:
            write_file(Path(self.path), lambda stream: stream.write(data))
        else:
            self._fs.pipe_file(self.path, data)

    def write_with(self, write: Callable[[IO[bytes]], object]) -> None:
        """Write a file that may be larger than memory whole or not at all; folders above are made.

        Raises:
            OSError: it cannot be written.
        """
        self.prepare()
        if self.local:
            write_file(Path(self.path), write)
            return
        with tempfile.NamedTemporaryFile() as stream:
            write(stream)
            stream.flush()
            self._fs.put_file(stream.name, self.path)

    def prepare(self) -> None:
        """Make the folders above, and delete what a process that was killed while it wrote this file has left."""
        self._fs.makedirs(self.path.rpartition("/")[0], exist_ok=True)
        if self.local:
            remove_unfinished(Path(self.path))

    def size(self) -> int | None:
        """Of the file in bytes; None = there is none."""
        try:
            found = self._fs.info(self.path)
        except FileNotFoundError:
            return None
        return int(found["size"] or 0) if found["type"] == "file" else None

    def files(self) -> list[str]:
        """Paths of all files below, in order; none where there is no such folder."""
        return sorted(self._fs.find(self.path)) if self._fs.isdir(self.path) else []

    def remove(self) -> None:
        """Delete the file or folder, if it is there."""
        if self._fs.exists(self.path):
            self._fs.rm(self.path, recursive=True)

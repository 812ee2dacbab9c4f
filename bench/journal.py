"""The journal of a run: one JSON object a line, written as soon as it is known, so that a run can be taken up again.

Kinds: {"environment": {...}}, {"row": {...}}, {"unreached": {...}}. A line that a kill cut short is dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.errors import BenchError

Entry = dict[str, Any]
Key = tuple[str, str, float]


class Journal:
    """Lines of a run folder; several processes may add to it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the run folder: one run at a time may write into it. The system lets go when a process dies.

        Raises:
            BenchError: another run holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as handle:
            if find_spec("fcntl") is None:  # Windows: nothing keeps a second run out
                yield
                return
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise BenchError(f"{self.path.parent}: another run is at work in this folder") from exc
            yield

    def add(self, entries: Iterable[Entry]) -> None:
        """Append; one write a line, so that lines of several processes do not mix."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            for entry in entries:
                os.write(handle, (json.dumps(entry, separators=(",", ":")) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def mend(self) -> None:
        """Cut off a last line that a kill left unfinished; the next line would be glued to it."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.path, len(whole))

    def read(self) -> list[Entry]:
        """All whole lines, oldest first."""
        if not self.path.exists():
            return []
        entries = []
        for line in self.path.read_text().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries


def body(entry: Entry) -> Entry | None:
    """What a row or an unreached entry says; None for other kinds."""
    found: Entry | None = entry.get("row") or entry.get("unreached")
    return found


def key_of(row: Entry) -> Key:
    """What a row or an unreached entry is about: image, codec, target."""
    return (row["image"], row["codec"], row["target"])

"""Files written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO

#: How files end that are not whole yet.
PARTIAL = ".part"


def write_file(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place and move it there. A link is followed; a pipe or a device is written as it comes.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    path = target.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            write(stream)
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def whole_path(target: Path) -> Iterator[Path]:
    """A path beside the target for writers that need one, or make a folder; moved there when the block ends well.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    path = target.resolve()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL) as folder:
        made = Path(folder) / path.name
        yield made
        if path.is_dir():
            # moved aside, not deleted: it is gone only once the new one stands
            path.replace(Path(folder) / "old")
        made.replace(path)


def remove_unfinished(target: Path) -> None:
    """Delete what a process that was killed while it wrote the file has left beside its place. Only where nobody else
    may be writing it.
    """
    path = target.resolve()
    for left in path.parent.glob(f".{escape(path.name)}.*{PARTIAL}"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)

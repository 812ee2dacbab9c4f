"""Open a file as a desktop does: rebuilt, and shown by whatever shows PNG files."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from codec.desktop.entries import cache_home
from codec.errors import UnsupportedError

#: Programs that open a file with the user's own choice.
_OPENERS = (("xdg-open",), ("gio", "open"), ("open",))
#: Rebuilt photographs that are kept.
_KEPT = 20


def rebuilt(source: Path) -> Path:
    """The photograph as a PNG in the user's cache; made once.

    Raises:
        TadmError, OSError: as `codec.decode`.
    """
    from codec.api import open as open_file

    data = source.read_bytes()
    folder = cache_home() / "tadmc"
    path = folder / f"{source.stem}-{hashlib.sha256(data).hexdigest()[:12]}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open_file(data) as image:
            image.save(path)
    path.touch()
    for old in sorted(folder.glob("*.png"), key=lambda p: p.stat().st_mtime)[:-_KEPT]:
        old.unlink()
    return path


def show(path: Path) -> None:
    """Open a file with the desktop's program for it.

    Raises:
        UnsupportedError: there is nothing that does that.
    """
    for opener in _OPENERS:
        if shutil.which(opener[0]):
            subprocess.run([*opener, str(path)], check=False)
            return
    raise UnsupportedError(f"{path}: nothing here opens files; there is neither xdg-open nor gio")

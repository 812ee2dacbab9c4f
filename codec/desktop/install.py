"""Into the user's home and out of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from codec.desktop.entries import data_home, entries, program
from codec.errors import InputError
from codec.files import write_file

_SECONDS = 60


def install() -> tuple[list[Path], list[str]]:
    """Write the files and tell the databases.

    Returns:
        What was written, and what could not be done, in words.

    Raises:
        OSError: a file cannot be written.
    """
    home, made = data_home(), []
    for name, text in entries(program()).items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, lambda stream, text=text: stream.write(text.encode()))  # type: ignore[misc] # bound now
        made.append(path)
    return made, _updated(home)


def remove() -> tuple[list[Path], list[str]]:
    """Undo `install`.

    Returns:
        What was removed, and what could not be done, in words.

    Raises:
        InputError: nothing of it is there.
        OSError: a file cannot be removed.
    """
    home = data_home()
    found = [home / name for name in entries(program()) if (home / name).exists()]
    if not found:
        raise InputError(f"nothing of tadmc is installed below {home}")
    for path in found:
        path.unlink()
    return found, _updated(home)


def _updated(home: Path) -> list[str]:
    """Tell the databases of MIME types and programs."""
    notes = []
    for tool, folder, package in (
        ("update-mime-database", home / "mime", "shared-mime-info"),
        ("update-desktop-database", home / "applications", "desktop-file-utils"),
    ):
        if shutil.which(tool) is None:
            notes.append(f"{tool} is not here (package {package}): the desktop may see the change only later")
            continue
        done = subprocess.run([tool, str(folder)], capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode:
            notes.append(f"{tool}: {' '.join(done.stderr.split()) or done.returncode}")
    return notes

"""The files by which a freedesktop.org desktop learns of a format: MIME type, thumbnailer, a program that opens it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from codec.container.constants import MAGIC

MIME = "image/x-tadm"
#: The shared MIME-info database: name ending and first bytes.
_MIME_INFO = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME}">
    <comment>TADM photograph</comment>
    <generic-icon name="image-x-generic"/>
    <magic priority="60"><match type="big32" offset="0" value="0x{MAGIC.hex()}"/></magic>
    <glob pattern="*.tadm"/>
  </mime-type>
</mime-info>
"""
#: %i, %o and %s: file, PNG to be written, longest side; the stored LR, so that no model is loaded.
_THUMBNAILER = """[Thumbnailer Entry]
TryExec={program}
Exec={command} thumbnail %i -o %o --size %s --format png -f
MimeType={mime};
"""
_APPLICATION = """[Desktop Entry]
Type=Application
Name=TADM photograph
Comment=Rebuild the photograph and show it
TryExec={program}
Exec={command} desktop open %f
MimeType={mime};
Icon=image-x-generic
Categories=Graphics;Viewer;
NoDisplay=true
Terminal=false
"""


def data_home() -> Path:
    """The folder of the user's desktop data: that which XDG_DATA_HOME names, else ~/.local/share."""
    named = os.environ.get("XDG_DATA_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"


def cache_home() -> Path:
    """The folder of what can be made again: that which XDG_CACHE_HOME names, else ~/.cache."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


def program() -> list[str]:
    """How this command is called by a program that knows nothing of our environment."""
    beside = Path(sys.executable).with_name("tadmc")
    found = str(beside) if beside.is_file() else shutil.which("tadmc")
    return [found] if found else [sys.executable, "-m", "codec"]


def entries(call: Sequence[str]) -> dict[str, str]:
    """Files below the data folder, by their path there.

    Args:
        call: program and first arguments, see `program`.
    """
    words = {"program": call[0], "command": " ".join(map(_quoted, call)), "mime": MIME}
    return {
        "mime/packages/tadmc.xml": _MIME_INFO,
        "thumbnailers/tadmc.thumbnailer": _THUMBNAILER.format(**words),
        "applications/tadmc.desktop": _APPLICATION.format(**words),
    }


def _quoted(word: str) -> str:
    """An argument of an Exec line, as the Desktop Entry Specification quotes it."""
    if word.isascii() and all(c.isalnum() or c in "/-_.+" for c in word):
        return word
    for special in ("\\", '"', "`", "$"):
        word = word.replace(special, "\\" + special)
    return '"' + word.replace("\\", "\\\\").replace("%", "%%") + '"'

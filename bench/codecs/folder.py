"""Any other codec's results, from a folder: its coded files and its decoded pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.codecs.base import Codec, Decoded, Expected, fingerprint
from bench.errors import CodecError, MissingError
from bench.photos import Photo


class Folder(Codec):
    """`folder:NAME=PATH`. PATH holds one folder a rate, coarsest first by name, each with `files/` and `decoded/`.

    `files/<photo>.<anything>` is the coded file, whose size is the rate; `decoded/<photo>.png` what it decodes to. A
    PATH that has these two folders itself is a codec with one rate. The bench cannot decode such files: it takes the
    pictures as they are, and results files say so.
    """

    family = "folder"
    suffix = ".folder"
    setting_name = "folder"

    def __init__(self, name: str, path: Path) -> None:
        self.name = f"folder:{name}"
        self.title = name
        self._path = path
        if (path / "files").is_dir():
            self._rates = [path]
        else:
            children = sorted(path.iterdir()) if path.is_dir() else []
            self._rates = [p for p in children if (p / "files").is_dir()]
        if not self._rates:
            raise MissingError(f"{self.name}: {path} has no files/ and decoded/, nor folders that have them")
        self.settings = tuple(range(len(self._rates)))

    def version(self) -> str:
        """Changes whenever a file in it does."""
        paths = sorted(p for rate in self._rates for kind in ("files", "decoded") for p in (rate / kind).glob("*"))
        known = "\n".join(f"{p.relative_to(self._path)} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in paths)
        return f"pictures decoded elsewhere, taken as they are ({fingerprint(known.encode())})"

    def encode(self, photo: Photo, setting: int) -> bytes:
        return self._find(setting, "files", photo.name).read_bytes()

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        for setting in self.settings:
            try:
                same = self._find(setting, "files", expected.name).read_bytes() == data
            except CodecError:
                continue
            if same:
                with Image.open(self._find(setting, "decoded", expected.name)) as image:
                    return Decoded(np.array(image.convert("RGB")))
        raise CodecError(f"{self.name}: no file of {expected.name} has these bytes")

    def _find(self, setting: int, kind: str, stem: str) -> Path:
        folder = self._rates[setting] / kind
        found = [p for p in folder.iterdir() if p.stem == stem] if folder.is_dir() else []
        if len(found) != 1:
            raise CodecError(f"{self.name}: {len(found)} files named {stem} in {folder.name}/, expected one")
        return found[0]

"""A model package on disk, and which weights a file needs, as eight bytes; computed without any network library.

A model id is the first 8 bytes of SHA-256 over what of the config decides decoding (`Family.identity`) and over name,
dtype, shape and bytes of every tensor of the parts that decoding one scale needs (`Family.parts`). Adding a scale to a
package changes no other scale's id, and a better LR writer changes none.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec.errors import ModelError
from codec.models.family import Family, LrEncoder, Restorer, Runtime
from codec.models.files import read_config
from codec.models.registry import family_named

_ID_SIZE = 8
#: A safetensors header larger than this is refused by the format itself.
_MAX_HEADER = 100_000_000
_IDS: dict[tuple[Path, int, tuple[int, ...]], bytes] = {}
_IDS_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Package:
    """A model package on disk.

    Attributes:
        folder: holds `config.json` and one safetensors file a part.
        config: contents of `config.json`.
        family: that it belongs to.
        scales: that it can decode.
    """

    folder: Path
    config: dict[str, Any]
    family: Family
    scales: tuple[int, ...]

    @property
    def name(self) -> str:
        """Folder name, which is the package's name."""
        return self.folder.name

    def model_id(self, scale: int) -> bytes:
        """Eight bytes that name what a file of this scale needs.

        Raises:
            ModelError: the package lacks the scale or a part, or a file in it is broken.
        """
        if scale not in self.scales:
            raise ModelError(f"model {self.name}: has no scale {scale}, only {', '.join(map(str, self.scales))}")
        key = (self.folder.resolve(), scale, self.state(scale))
        with _IDS_LOCK:
            known = _IDS.get(key)
        if known is None:
            known = self._computed_id(scale)
            with _IDS_LOCK:
                _IDS[key] = known
        return known

    def state(self, scale: int) -> tuple[int, ...]:
        """When each file that the id covers was last written, and their sizes: while these stay, the id does."""
        files = [self.folder / "config.json", *(self._path(part) for part in self.family.parts(self.config, scale))]
        stats = [f.stat() if f.exists() else None for f in files]
        return tuple(n for s in stats for n in ((s.st_mtime_ns, s.st_size) if s else (0, 0)))

    def load_encoder(self, scale: int, runtime: Runtime) -> LrEncoder:
        """See `Family.load_encoder`."""
        return self.family.load_encoder(self.folder, self.config, scale, runtime)

    def load_restorer(self, scale: int, runtime: Runtime) -> Restorer:
        """See `Family.load_restorer`."""
        return self.family.load_restorer(self.folder, self.config, scale, runtime)

    def verify(self) -> None:
        """See `Family.verify`."""
        self.family.verify(self.folder, self.config)

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.safetensors"

    def _computed_id(self, scale: int) -> bytes:
        config = self.family.identity(self.config)
        digest = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode())
        for part in self.family.parts(self.config, scale):
            path = self._path(part)
            try:
                data = path.read_bytes()
            except OSError as exc:
                raise ModelError(f"model package {self.folder}: {path.name} is missing") from exc
            header, start = _safetensors_header(data, path)
            for name in sorted(header):
                entry = header[name]
                low, high = entry["data_offsets"]
                shape = ",".join(map(str, entry["shape"]))
                digest.update(f"{part}/{name} {entry['dtype']} {shape}\n".encode())
                digest.update(data[start + low : start + high])
        return digest.digest()[:_ID_SIZE]


def open_package(folder: Path) -> Package:
    """Read the config of a package.

    Raises:
        ModelError: there is no readable `config.json`, or it is of no known family.
    """
    where = f"model package {folder}"
    config = read_config(folder)
    if "family" not in config:
        raise ModelError(f"{where}: config.json names no family")
    family = family_named(config["family"], where)
    scales = config.get("scales")
    if not isinstance(scales, list) or not all(type(s) is int and 1 <= s <= 255 for s in scales):
        raise ModelError(f"{where}: scales are {scales!r}, expected a list of whole numbers in 1..255")
    return Package(folder=folder, config=config, family=family, scales=family.scales(config))


def _safetensors_header(data: bytes, path: Path) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(_MAX_HEADER, len(data) - 8):
        raise ModelError(f"{path}: not a safetensors file")
    try:
        header = json.loads(data[8 : 8 + size])
    except ValueError as exc:
        raise ModelError(f"{path}: broken safetensors header") from exc
    if not isinstance(header, dict):
        raise ModelError(f"{path}: broken safetensors header")
    header.pop("__metadata__", None)
    return header, 8 + size

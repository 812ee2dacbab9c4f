"""Which weights a file needs, as eight bytes; computed without loading any network library.

A model id is the first 8 bytes of SHA-256 over the config (without lists of scales, what only encoders use, and where
files were found) and over name, dtype, shape and bytes of every tensor of the parts that decoding one scale needs.
Adding a scale to a package changes no other scale's id, and a better LR writer changes none. An `sd21` package's config
holds the hashes of its backbone, which so is part of the id.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from codec.errors import ModelError

_ID_SIZE = 8
#: Keys of the config that say nothing about how a file of one scale is decoded.
_NOT_DECODING = {"scales", "denoisers", "writers", "writer_width", "writer_blocks", "sources"}
#: Parts of each family, in hashing order.
_PARTS = {
    "compact": ("denoiser", "predictor{scale}", "reader{scale}"),
    "sd21": (
        *("predictor", "prompt", "rescaler{scale}", "scheduler"),
        *("unet_adapter/adapter_model", "vae_adapter/adapter_model"),
    ),
}
#: A safetensors header larger than this is refused by the format itself.
_MAX_HEADER = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Package:
    """A model package on disk.

    Attributes:
        folder: holds `config.json` and one safetensors file a part.
        config: contents of `config.json`.
    """

    folder: Path
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """Folder name, which is the package's name."""
        return self.folder.name

    @property
    def family(self) -> str:
        """Model family: "compact" or "sd21"."""
        return str(self.config.get("family"))

    @property
    def scales(self) -> tuple[int, ...]:
        """Scales that the package can decode."""
        return tuple(self.config.get("scales", ()))

    def parts(self, scale: int) -> tuple[str, ...]:
        """Names of the parts that decoding one scale needs, in hashing order.

        Raises:
            ModelError: the family is unknown.
        """
        if self.family not in _PARTS:
            raise ModelError(f"model {self.name}: family is {self.family!r}, expected one of {', '.join(_PARTS)}")
        if self.config.get("architecture") == "compact-2":
            has = scale in self.config.get("denoisers", ())
            return (f"denoiser{scale}", f"reader{scale}") if has else (f"reader{scale}",)
        return tuple(part.format(scale=scale) for part in _PARTS[self.family])

    def has_writer(self, scale: int) -> bool:
        """Whether the LR of a scale is written by a network, not only downscaled."""
        return scale in self.config.get("writers", ())

    def model_id(self, scale: int) -> bytes:
        """Eight bytes that name what a file of this scale needs.

        Raises:
            ModelError: the package lacks the scale or a part, or a file in it is broken.
        """
        if scale not in self.scales:
            raise ModelError(f"model {self.name}: has no scale {scale}, only {', '.join(map(str, self.scales))}")
        return _model_id(self.folder, scale, self.changed(scale))

    def changed(self, scale: int) -> tuple[int, ...]:
        """When each of a scale's files was last written: what is kept in memory is kept under this key."""
        parts = (*self.parts(scale), f"writer{scale}")
        files = [self.folder / "config.json", *(self.folder / f"{part}.safetensors" for part in parts)]
        return tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files)


def open_package(folder: Path) -> Package:
    """Read the config of a package.

    Raises:
        ModelError: there is no readable `config.json`.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as exc:
        raise ModelError(f"model package {folder}: config.json is not readable ({exc})") from exc
    if not isinstance(config, dict) or "family" not in config:
        raise ModelError(f"model package {folder}: config.json names no family")
    return Package(folder=folder, config=config)


@lru_cache(maxsize=64)
def _model_id(folder: Path, scale: int, changed: tuple[int, ...]) -> bytes:
    package = open_package(folder)
    config = {k: v for k, v in package.config.items() if k not in _NOT_DECODING}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode())
    for part in package.parts(scale):
        path = folder / f"{part}.safetensors"
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise ModelError(f"model package {folder}: {path.name} is missing") from exc
        header, start = _safetensors_header(data, path)
        for name in sorted(header):
            entry = header[name]
            low, high = entry["data_offsets"]
            shape = ",".join(map(str, entry["shape"]))
            digest.update(f"{part}/{name} {entry['dtype']} {shape}\n".encode())
            digest.update(data[start + low : start + high])
    return digest.digest()[:_ID_SIZE]


def _safetensors_header(data: bytes, path: Path) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(_MAX_HEADER, len(data) - 8):
        raise ModelError(f"{path}: not a safetensors file")
    try:
        header = json.loads(data[8 : 8 + size])
    except ValueError as exc:
        raise ModelError(f"{path}: broken safetensors header") from exc
    header.pop("__metadata__", None)
    return header, 8 + size

"""The config of a compact package, of either architecture. Without torch."""

from __future__ import annotations

from pathlib import Path

from codec.errors import ModelError
from codec.models.compact.v1.config import ARCHITECTURE as FIRST
from codec.models.compact.v1.config import CompactConfig as FirstConfig
from codec.models.compact.v2.config import ARCHITECTURE as SECOND
from codec.models.compact.v2.config import CompactConfig
from codec.models.files import read_config

AnyConfig = FirstConfig | CompactConfig


def compact_config(folder: Path, scales: tuple[int, ...] | None = None) -> AnyConfig:
    """What a package's `config.json` says, of some of its scales or of all.

    Raises:
        ModelError: it is unreadable, of no known architecture, or lacks a scale.
    """
    fields = read_config(folder)
    architecture = fields.get("architecture")
    config: AnyConfig
    if architecture == FIRST:
        config = FirstConfig.from_dict(fields)
    elif architecture == SECOND:
        config = CompactConfig.from_dict(fields)
    else:
        raise ModelError(
            f"model package {folder}: architecture is {architecture!r}, this version has {FIRST!r} and {SECOND!r}"
        )
    if scales is None:
        return config
    missing = set(scales) - set(config.scales)
    if missing:
        raise ModelError(f"model package {folder}: has scales {config.scales}, needed {sorted(missing)}")
    return config.at_scales(scales)

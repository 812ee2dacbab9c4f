"""The stages of the compact family by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from codec.training.compact.config import CompactStageConfig
from codec.training.compact.stages import CompactStage, ReaderStage, RescalerStage
from codec.training.compact.texture import TextureStage

STAGES: dict[str, type[CompactStage]] = {"reader": ReaderStage, "rescaler": RescalerStage, "texture": TextureStage}


def stage_of(
    path: Path, overrides: dict[str, Any], store: Path, device: torch.device, init: Path | None
) -> CompactStage:  # fmt: skip
    """The stage that a TOML file describes.

    Raises:
        InputError: the file or the store cannot be used.
        ModelError: the package to start from does not fit, or a frozen network's weights are not installed.
    """
    config = CompactStageConfig.from_file(path, **overrides)
    return STAGES[config.kind](config, store, device, init)

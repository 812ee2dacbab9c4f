"""What a stage of the `tudsr` family starts from: a backbone alone, or a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from codec.models.sd21.backbone import find_folder, find_parts
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.training.frozen import frozen_features
from codec.training.tudsr.config import TudsrStageConfig
from codec.training.tudsr.stage import TudsrStage
from codec.training.tudsr.trainable import Enlarger


def stage_of(
    path: Path, overrides: dict[str, Any], store: Path, device: torch.device, *, init: Path | None,
    backbone: str | None, prompt: Path | None,
) -> TudsrStage:  # fmt: skip
    """The stage that a TOML file describes, on the weights of a package (`init`) or of a backbone.

    Args:
        path: the TOML file.
        overrides: of its fields.
        store: crop store.
        device: where to train.
        init: model package to start from; the second stage begins with one of the first.
        backbone: folder or hub name.
        prompt: stored embedding; None = by the backbone's text encoder. A package has its own.

    Raises:
        InputError: the file or the store cannot be used, or the package is of another kind.
        ModelError: the package, the backbone, the frozen features or the edge term's weights are not here.
    """
    config = TudsrStageConfig.from_file(path, **overrides)
    if init is not None:
        enlarger = Enlarger.from_package(init, config)
    else:
        folder = find_folder(backbone or "", with_text_encoder=prompt is None)
        embedding = embed_prompt(folder) if prompt is None else read_prompt(prompt)
        enlarger = Enlarger.fresh(find_parts(folder), embedding, config)
    features = frozen_features(config.features, config.layers, device)
    return TudsrStage(config, enlarger, features, store, device)

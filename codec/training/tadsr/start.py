"""What a stage of the `tadsr` family starts from: a package, or a backbone alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codec.models.sd21.backbone import find_folder, find_parts, load_backbone
from codec.models.sd21.prompt import NEGATIVE_PROMPT, embed_prompt, read_prompt
from codec.training.tadsr.config import TadsrStageConfig
from codec.training.tadsr.scores import ScoreNetwork
from codec.training.tadsr.stage import TadsrStage
from codec.training.tadsr.trainable import Student


def stage_of(
    path: Path, overrides: dict[str, Any], store: Path, device: torch.device, *, init: Path | None,
    backbone: str | None, prompt: Path | None, negative: Path | None,
) -> TadsrStage:  # fmt: skip
    """The stage that a TOML file describes, on the weights of a package (`init`) or of a backbone.

    The fake score begins as the teacher either way; a run that goes on has it in its state.

    Args:
        path: the TOML file.
        overrides: of its fields.
        store: crop store.
        device: where to train.
        init: model package to start from.
        backbone: folder or hub name; with a package only the text encoder of this one is used.
        prompt: stored embedding; None = by the backbone's text encoder.
        negative: likewise of the negative prompt.

    Raises:
        InputError: the file or the store cannot be used, or the weights are of another kind.
        ModelError: the package, the backbone or a perceptual term's weights are not here.
    """
    config = TadsrStageConfig.from_file(path, **overrides)
    if init is not None:
        student = Student.from_package(init)
    else:
        folder = find_folder(backbone or "", with_text_encoder=prompt is None or negative is None)
        student = Student.fresh(find_parts(folder), _embedding(folder, prompt, None), config)
    unwanted = _embedding(student.paths.unet.parent, negative, NEGATIVE_PROMPT)
    torch.manual_seed(config.seed)
    scores = ScoreNetwork(load_backbone(student.paths).unet, student.prompt, unwanted, config.fake_rank)
    return TadsrStage(config, student, scores, store, device)


def _embedding(folder: Path, stored: Path | None, text: str | None) -> Tensor:
    if stored is not None:
        return read_prompt(stored)
    return embed_prompt(folder) if text is None else embed_prompt(folder, text)

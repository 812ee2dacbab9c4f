"""A TUDSR pipeline as a thing to train: which adapter moves, where the other comes from, how both become a package."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from codec.errors import InputError
from codec.models.files import read_config
from codec.models.sd21.adapters import fresh_adapter
from codec.models.sd21.backbone import BackbonePaths, load_backbone
from codec.models.sd21.sources import backbone_of
from codec.models.tudsr.config import TudsrConfig, fresh_adapter_config
from codec.models.tudsr.package import TudsrWeights, build_pipeline, load_weights, of_pass, save_package
from codec.models.tudsr.pipeline import TudsrPipeline
from codec.training.state import Tensors
from codec.training.tudsr.config import TudsrStageConfig


class Enlarger:
    """A pipeline whose last pass is trained; a pass before it is frozen.

    Attributes:
        pipeline: with adapters beside the backbone's frozen weights.
        paths: of the backbone.
        prompt: embedding of the constant prompt.
    """

    def __init__(self, weights: TudsrWeights, prompt: Tensor, paths: BackbonePaths) -> None:
        self.paths, self.prompt = paths, prompt
        self.pipeline: TudsrPipeline = build_pipeline(load_backbone(paths), weights, prompt)
        for tensor in self.tensors().values():
            tensor.requires_grad_(True)

    @classmethod
    def fresh(cls, paths: BackbonePaths, prompt: Tensor, stage: TudsrStageConfig) -> Enlarger:
        """Begin the first stage with the backbone alone: the adapter has no effect yet.

        Raises:
            InputError: the stage is the second.
            ModelError: the backbone is absent or incomplete, or the prompt does not fit it.
        """
        if stage.number:
            raise InputError(f"{stage.kind} begins with a package of the first stage: give it with --init")
        return cls(extended(None, load_backbone(paths).unet, stage), prompt, paths)

    @classmethod
    def from_package(cls, folder: Path, stage: TudsrStageConfig) -> Enlarger:
        """Go on from a package of the stage's own kind, or begin the second stage on one of the first.

        Raises:
            InputError: the package is of another kind than the stage needs.
            ModelError: it or its backbone is absent, incomplete, or changed.
        """
        weights, prompt = load_weights(folder)
        paths = backbone_of(folder, read_config(folder))
        if len(weights.config.split) == stage.number:
            weights = extended(weights, load_backbone(paths).unet, stage)
        config, passes = weights.config, len(weights.config.split)
        if passes != stage.number + 1:
            raise InputError(f"{folder}: a package of {passes} passes, expected 1 for {stage.kind}")
        if (config.split[-1], config.timesteps[-1], config.adapters[-1].rank) != (
            stage.factor, stage.own_timestep, stage.rank,
        ):  # fmt: skip
            raise InputError(
                f"the stage has factor {stage.factor}, timestep {stage.own_timestep}, rank {stage.rank}; the weights "
                f"have {config.split[-1]}, {config.timesteps[-1]}, {config.adapters[-1].rank}"
            )
        return cls(weights, prompt, paths)

    @property
    def config(self) -> TudsrConfig:
        """Of the package."""
        return self.pipeline.config

    def tensors(self) -> Tensors:
        """What moves: the last pass's adapter, under its names in a package."""
        return self._adapter(len(self.config.split) - 1)

    def save(self, folder: Path) -> None:
        """Write a model package of every pass."""
        adapters = tuple(self._adapter(number) for number in range(len(self.config.split)))
        save_package(TudsrWeights(self.config, adapters), self.prompt, self.paths, folder)

    def _adapter(self, number: int) -> Tensors:
        return {n: t for n, t in self.pipeline.denoisers.unet.named_parameters() if of_pass(n, number)}


def extended(weights: TudsrWeights | None, unet: UNet2DConditionModel, stage: TudsrStageConfig) -> TudsrWeights:
    """Weights with one more pass, whose adapter has no effect yet.

    Args:
        weights: of the passes before it; None = there is none.
        unet: the backbone's, without adapters; is changed.
        stage: that trains the new one.
    """
    torch.manual_seed(stage.seed)
    number = 0 if weights is None else len(weights.adapters)
    adapter = fresh_adapter_config(number, stage.rank)
    tensors = fresh_adapter(unet, adapter, partial(_belongs, number))
    if weights is None:
        config = TudsrConfig(split=(stage.factor,), timesteps=(stage.own_timestep,), adapters=(adapter,))
        return TudsrWeights(config, (tensors,))
    c = weights.config
    config = replace(
        c, split=(*c.split, stage.factor), timesteps=(*c.timesteps, stage.own_timestep), adapters=(*c.adapters, adapter)
    )
    return TudsrWeights(config, (*weights.adapters, tensors))


def _belongs(number: int, name: str) -> bool:
    return of_pass(name, number)

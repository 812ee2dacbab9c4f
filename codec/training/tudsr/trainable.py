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
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.family import SD21
from codec.models.sd21.package import load_release
from codec.models.sd21.sources import backbone_of
from codec.models.tudsr.after_tadm import FOLDER
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
        tadm: package of TADM that is the first pass; None = the first pass is an adapter of the pipeline's.
    """

    def __init__(self, weights: TudsrWeights, prompt: Tensor, paths: BackbonePaths, tadm: Path | None = None) -> None:
        self.paths, self.prompt, self.tadm = paths, prompt, tadm
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
        """Go on from a package of the stage's own kind, or begin the second stage on one of the first, or of TADM.

        Raises:
            InputError: the package is of another kind than the stage needs.
            ModelError: it or its backbone is absent, incomplete, or changed.
        """
        fields = read_config(folder)
        paths, tadm = backbone_of(folder, fields), None
        if stage.number and fields.get("family") == SD21.name:
            release, prompt = load_release(folder)
            tadm, weights = folder, after_tadm(release.config.rescaler.scale, load_backbone(paths).unet, stage)
        else:
            weights, prompt = load_weights(folder)
            tadm = folder / FOLDER if weights.config.first == "tadm" else None
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
        return cls(weights, prompt, paths, tadm)

    @property
    def config(self) -> TudsrConfig:
        """Of the package."""
        return self.pipeline.config

    def tensors(self) -> Tensors:
        """What moves: the last pass's adapter, under its names in a package."""
        return self._adapter(len(self.config.split) - 1)

    def save(self, folder: Path) -> None:
        """Write a model package of every pass."""
        passes = range(int(self.tadm is not None), len(self.config.split))
        adapters = tuple(self._adapter(number) for number in passes)
        save_package(TudsrWeights(self.config, adapters), self.prompt, self.paths, folder, tadm=self.tadm)

    def _adapter(self, number: int) -> Tensors:
        return {n: t for n, t in self.pipeline.denoisers.unet.named_parameters() if of_pass(n, number)}


def after_tadm(scale: int, unet: UNet2DConditionModel, stage: TudsrStageConfig) -> TudsrWeights:
    """Weights of the second pass alone, behind TADM of a scale; the adapter has no effect yet.

    Args:
        scale: of the TADM package.
        unet: the backbone's, without adapters; is changed.
        stage: that trains the adapter.
    """
    adapter, tensors = _fresh(unet, stage)
    config = TudsrConfig(
        split=(scale, stage.factor), timesteps=(stage.own_timestep,), adapters=(adapter,), first="tadm"
    )  # fmt: skip
    return TudsrWeights(config, (tensors,))


def extended(weights: TudsrWeights | None, unet: UNet2DConditionModel, stage: TudsrStageConfig) -> TudsrWeights:
    """Weights with one more pass, whose adapter has no effect yet.

    Args:
        weights: of the passes before it; None = there is none.
        unet: the backbone's, without adapters; is changed.
        stage: that trains the new one.
    """
    adapter, tensors = _fresh(unet, stage)
    if weights is None:
        config = TudsrConfig(split=(stage.factor,), timesteps=(stage.own_timestep,), adapters=(adapter,))
        return TudsrWeights(config, (tensors,))
    c = weights.config
    config = replace(
        c, split=(*c.split, stage.factor), timesteps=(*c.timesteps, stage.own_timestep), adapters=(*c.adapters, adapter)
    )
    return TudsrWeights(config, (*weights.adapters, tensors))


def _fresh(unet: UNet2DConditionModel, stage: TudsrStageConfig) -> tuple[AdapterConfig, Tensors]:
    torch.manual_seed(stage.seed)
    adapter = fresh_adapter_config(stage.number, stage.rank)
    return adapter, fresh_adapter(unet, adapter, partial(_belongs, stage.number))


def _belongs(number: int, name: str) -> bool:
    return of_pass(name, number)

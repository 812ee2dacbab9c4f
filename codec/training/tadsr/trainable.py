"""The student's pipeline as a thing to train: which tensors move, where they come from, how they become a package."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from codec.models.files import read_config
from codec.models.sd21.adapters import fresh_adapter, is_trained
from codec.models.sd21.backbone import BackbonePaths, load_backbone
from codec.models.sd21.sources import backbone_of
from codec.models.tadsr.config import TadsrConfig, fresh_adapters, fresh_encoder_adapter
from codec.models.tadsr.package import TadsrWeights, build_pipeline, is_encoder, load_weights, save_package
from codec.models.tadsr.pipeline import TadsrPipeline
from codec.models.tadsr.time_encoder import TimeAwareEncoder
from codec.training.state import Tensors
from codec.training.tadsr.config import TadsrStageConfig


class Student:
    """A TADSR pipeline and its moving parts.

    Attributes:
        pipeline: with adapters beside the backbone's frozen weights.
        paths: of the backbone.
        prompt: embedding of the constant prompt.
    """

    def __init__(self, weights: TadsrWeights, prompt: Tensor, paths: BackbonePaths) -> None:
        self.paths, self.prompt = paths, prompt
        self.pipeline: TadsrPipeline = build_pipeline(load_backbone(paths), weights, prompt)
        for tensor in self.tensors().values():
            tensor.requires_grad_(True)

    @classmethod
    def from_package(cls, folder: Path) -> Student:
        """Go on from a model package.

        Raises:
            ModelError: it or its backbone is absent, incomplete, or changed.
        """
        return cls(*load_weights(folder), backbone_of(folder, read_config(folder)))

    @classmethod
    def fresh(cls, paths: BackbonePaths, prompt: Tensor, stage: TadsrStageConfig) -> Student:
        """Begin with the backbone alone: adapters and time layers have no effect yet.

        Raises:
            ModelError: the backbone is absent or incomplete, or the prompt does not fit it.
        """
        torch.manual_seed(stage.seed)
        backbone = load_backbone(paths)
        unet, vae = backbone.unet, backbone.vae
        config = TadsrConfig(
            scale=stage.scale, unet_adapters=fresh_adapters((n for n, _ in unet.named_modules()), stage.rank),
            encoder_adapter=fresh_encoder_adapter(stage.rank), one_step=stage.one_step, encoder=stage.encoder,
            dial=stage.dial,
        )  # fmt: skip
        if stage.encoder == "time_aware":
            TimeAwareEncoder(vae)
        unet_tensors: dict[str, Tensor] = {}
        for adapter in config.unet_adapters:
            unet_tensors = fresh_adapter(unet, adapter, is_trained)
        encoder_tensors = fresh_adapter(vae, config.encoder_adapter, is_encoder)
        return cls(TadsrWeights(config, unet_tensors, encoder_tensors), prompt, paths)

    @property
    def config(self) -> TadsrConfig:
        """Of the package."""
        return self.pipeline.config

    def tensors(self) -> Tensors:
        """What moves: "unet/..." and "encoder/...", under their names in a package."""
        unet, vae = self.pipeline.denoiser.unet, self.pipeline.encoder.vae
        found = {f"unet/{n}": t for n, t in unet.named_parameters() if is_trained(n)}
        return found | {f"encoder/{n}": t for n, t in vae.named_parameters() if is_encoder(n)}

    def save(self, folder: Path) -> None:
        """Write a model package."""
        tensors = self.tensors()
        unet, encoder = (
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            for prefix in ("unet/", "encoder/")
        )
        save_package(TadsrWeights(self.config, unet, encoder), self.prompt, self.paths, folder)

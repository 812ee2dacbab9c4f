"""The `sd21` family as something to train: which weights move, and where they are read from and written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from codec.models.sd21.adapters import fresh_adapter, is_adapter, is_trained
from codec.models.sd21.backbone import BackbonePaths, load_backbone
from codec.models.sd21.config import RescalerConfig, Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.package import load_package, package_backbone, package_config, save_package
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.predictor import TimestepPredictor
from codec.models.sd21.release import Release, build_pipeline
from codec.models.sd21.scheduler import TimeScheduler
from codec.training.sd21.config import Sd21StageConfig

#: Parts that move in each kind of stage.
MOVING = {
    "rescaler": ("rescaler",),
    "enhancement": ("predictor", "scheduler", "unet", "vae"),
    "joint": ("rescaler", "predictor", "scheduler", "unet", "vae"),
}


class Trainable:
    """A pipeline with adapters in place, and its moving parts by name.

    Attributes:
        pipeline: the family; only what moves requires a gradient.
        config: widths.
        paths: of the backbone.
    """

    def __init__(self, pipeline: Sd21Pipeline, config: Sd21Config, paths: BackbonePaths, kind: str) -> None:
        self.pipeline, self.config, self.paths = pipeline, config, paths
        pipeline.requires_grad_(False)
        for name in MOVING[kind]:
            for tensor in self.part(name).values():
                tensor.requires_grad_(tensor.is_floating_point())

    @classmethod
    def from_package(cls, folder: Path, kind: str) -> Trainable:
        """Go on from a model package.

        Raises:
            ModelError: it or its backbone is absent, incomplete, or changed.
        """
        return cls(load_package(folder, merge=False), package_config(folder), package_backbone(folder), kind)

    @classmethod
    def fresh(cls, paths: BackbonePaths, prompt: Tensor, stage: Sd21StageConfig) -> Trainable:
        """Begin with the backbone alone: random rescaler and predictor, adapters and learned scheduler of no effect.

        Raises:
            ModelError: the backbone is absent or incomplete, or the prompt does not fit it.
        """
        torch.manual_seed(stage.seed)
        base = Sd21Config(rescaler=RescalerConfig(scale=stage.scale))
        config = replace(
            base,
            unet_adapter=replace(base.unet_adapter, rank=stage.unet_rank),
            vae_adapter=replace(base.vae_adapter, rank=stage.vae_rank),
        )
        backbone = load_backbone(paths)
        release = Release(
            config=config,
            rescaler=Rescaler(config.rescaler).state_dict(),
            predictor=TimestepPredictor(config.predictor).state_dict(),
            scheduler=TimeScheduler(config.scheduler, backbone.alphas_cumprod).state_dict(),
            unet=fresh_adapter(load_backbone(paths).unet, config.unet_adapter, is_trained),
            vae=fresh_adapter(load_backbone(paths).vae, config.vae_adapter, is_adapter),
        )
        return cls(build_pipeline(backbone, release, prompt), config, paths, stage.kind)

    def part(self, name: str) -> dict[str, Tensor]:
        """The trainable tensors of a part, by their names in a package: "rescaler", "unet" and so on."""
        p = self.pipeline
        module, belongs = {
            "rescaler": (p.rescaler, None),
            "predictor": (p.predictor, None),
            "scheduler": (p.scheduler, None),
            "unet": (p.denoiser.unet, is_trained),
            "vae": (p.latent_codec.vae, is_adapter),
        }[name]
        return {n: t for n, t in module.named_parameters() if belongs is None or belongs(n)}

    def parameters(self) -> list[nn.Parameter]:
        """All that move."""
        return [p for p in self.pipeline.parameters() if p.requires_grad]

    def release(self) -> Release:
        """The weights as they are now."""
        parts = {name: {n: t.detach().cpu().float() for n, t in self.part(name).items()} for name in MOVING["joint"]}
        return Release(config=self.config, **parts)

    def save(self, folder: Path) -> None:
        """Write a model package, with whatever else was there replaced."""
        save_package(self.release(), self.pipeline.denoiser.prompt.detach().cpu().float(), self.paths, folder)

"""The `sd21` family as something to train: which weights move, and where they are read from and written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from codec.errors import InputError
from codec.models.sd21.adapters import fresh_adapter, is_adapter, is_trained
from codec.models.sd21.backbone import BackbonePaths, load_backbone
from codec.models.sd21.config import Conventions, RescalerConfig, Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.package import load_release, package_backbone, save_package
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.release import Release, build_pipeline, time_alignment
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
    def from_package(cls, folder: Path, kind: str, timestep: int | None = None) -> Trainable:
        """Go on from a model package.

        Args:
            folder: the package.
            kind: of the stage.
            timestep: one for everything from now on: predictor and learned scheduler are left behind.

        Raises:
            InputError: the package has another timestep for everything.
            ModelError: it or its backbone is absent, incomplete, or changed.
        """
        release, prompt = load_release(folder)
        paths = package_backbone(folder)
        config = release.config
        if config.timestep not in (None, timestep):
            raise InputError(f"the stage has timestep {timestep}, the weights were trained for {config.timestep}")
        if timestep is not None:
            config = replace(config, timestep=timestep)
            release = replace(release, config=config, predictor={}, scheduler={})
        backbone = load_backbone(paths, config.conventions.prediction)
        return cls(build_pipeline(backbone, release, prompt), config, paths, kind)

    @classmethod
    def fresh(cls, paths: BackbonePaths, prompt: Tensor, stage: Sd21StageConfig, text: str | None = None) -> Trainable:
        """Begin with the backbone alone: random rescaler and predictor, adapters and learned scheduler of no effect.

        Args:
            paths: of the backbone.
            prompt: embedding of the constant prompt, float [1, tokens, width].
            stage: widths, scale, ablations, conventions, seed.
            text: what the embedding is of; None = not known.

        Raises:
            ModelError: the backbone is absent or incomplete, or the prompt does not fit it.
        """
        torch.manual_seed(stage.seed)
        base = Sd21Config()
        config = replace(
            base,
            rescaler=RescalerConfig(scale=stage.scale, inn=stage.inn, pixel_branch=stage.pixel_branch),
            timestep=stage.timestep,
            conventions=Conventions(
                latent_in=stage.latent_in,
                latent_out=stage.latent_out,
                predictor_in=stage.predictor_in,
                prediction=stage.prediction,
                prompt=text,
            ),
            unet_adapter=replace(base.unet_adapter, rank=stage.unet_rank),
            vae_adapter=replace(base.vae_adapter, rank=stage.vae_rank),
        )
        backbone, spare = (load_backbone(paths, stage.prediction) for _ in range(2))
        rescaler = Rescaler(config.rescaler).state_dict()
        predictor, scheduler = time_alignment(config, backbone.alphas_cumprod)
        release = Release(
            config=config,
            rescaler=rescaler,
            predictor=predictor.state_dict(),
            scheduler=scheduler.state_dict(),
            unet=fresh_adapter(spare.unet, config.unet_adapter, is_trained),
            vae=fresh_adapter(spare.vae, config.vae_adapter, is_adapter),
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

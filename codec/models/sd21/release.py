"""The published checkpoints: a state dict of the rescaler, and a dict of everything else.

Nothing here opens a file: the caller unpickles nothing either, `torch.load(weights_only=True)` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from codec.errors import ModelError
from codec.models.sd21.adapters import add_adapter, is_trained
from codec.models.sd21.backbone import Backbone
from codec.models.sd21.config import AdapterConfig, Conventions, RescalerConfig, Sd21Config
from codec.models.sd21.denoiser import Denoiser
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.loading import load_exact
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.predictor import FixedTimestep, TimestepPredictor
from codec.models.sd21.scheduler import FixedScheduler, TimeScheduler
from codec.models.sd21.vae import LatentCodec


@dataclass(frozen=True)
class Release:
    """The release's tensors under their published names, and the adapters they were trained with.

    Attributes:
        config: published widths, with the scale and the adapters of this release.
        rescaler: state dict of the rescaler (DFRM).
        predictor: state dict of the timestep predictor (`state_dict_timemapping`); empty where the timestep is fixed.
        scheduler: state dict of the time scheduler (`state_dict_refiner`); likewise.
        unet: LoRA of the U-Net and its `conv_in` (`state_dict_unet`).
        vae: LoRA of the VAE's decoder (`state_dict_vae`).
    """

    config: Sd21Config
    rescaler: Mapping[str, object]
    predictor: Mapping[str, object]
    scheduler: Mapping[str, object]
    unet: Mapping[str, object]
    vae: Mapping[str, object]


def read_release(
    dfrm: Mapping[str, object], tadm: Mapping[str, object], scale: int, conventions: Conventions | None = None
) -> Release:
    """Sort the two published checkpoints into parts.

    Args:
        dfrm: content of the rescaler's checkpoint.
        tadm: content of the other checkpoint.
        scale: the HR/LR ratio they were trained for.
        conventions: what the tensors do not tell; None = the defaults.

    Raises:
        ModelError: an entry is missing or of the wrong kind, or the scale was never published.
    """
    base = Sd21Config()
    config = replace(
        base,
        rescaler=RescalerConfig(scale=scale),
        unet_adapter=_adapter(base.unet_adapter, tadm, "unet"),
        vae_adapter=_adapter(base.vae_adapter, tadm, "vae"),
        conventions=conventions or Conventions(),
    )
    return Release(
        config=config,
        rescaler=dfrm,
        predictor=_tensors(tadm, "state_dict_timemapping"),
        scheduler=_tensors(tadm, "state_dict_refiner"),
        unet=_tensors(tadm, "state_dict_unet"),
        vae=_tensors(tadm, "state_dict_vae"),
    )


def build_pipeline(backbone: Backbone, release: Release, prompt: Tensor, *, merge: bool = False) -> Sd21Pipeline:
    """The whole family, float32, on the CPU, in evaluation mode. The backbone's networks are used, not copied.

    Args:
        backbone: without adapters.
        release: see `read_release`.
        prompt: embedding of the constant prompt, float [1, tokens, width].
        merge: fold the adapters into the backbone's weights: faster, equal up to float rounding.

    Raises:
        ModelError: a tensor is missing, unexpected or of another shape, or the parts do not fit each other.
    """
    config = release.config
    add_adapter(backbone.unet, config.unet_adapter, release.unet, "state_dict_unet", is_trained, merge=merge)
    add_adapter(backbone.vae, config.vae_adapter, release.vae, "state_dict_vae", merge=merge)
    rescaler = Rescaler(config.rescaler)
    predictor, scheduler = time_alignment(config, backbone.alphas_cumprod)
    load_exact(rescaler, release.rescaler, f"rescaler checkpoint for scale {config.rescaler.scale}")
    load_exact(predictor, release.predictor, "state_dict_timemapping")
    load_exact(scheduler, release.scheduler, "state_dict_refiner")
    pipeline = Sd21Pipeline(
        latent_codec=LatentCodec(backbone.vae),
        rescaler=rescaler,
        predictor=predictor,
        denoiser=Denoiser(backbone.unet, prompt),
        scheduler=scheduler,
        conventions=config.conventions,
    )
    return pipeline.eval().requires_grad_(False)


def time_alignment(
    config: Sd21Config, alphas_cumprod: Tensor
) -> tuple[TimestepPredictor | FixedTimestep, FixedScheduler]:
    """Timestep predictor and time scheduler with random weights, or without any where the timestep is fixed."""
    prediction = config.conventions.prediction
    if config.timestep is not None:
        return FixedTimestep(config.timestep), FixedScheduler(config.timestep, alphas_cumprod, prediction)
    return TimestepPredictor(config.predictor), TimeScheduler(config.scheduler, alphas_cumprod, prediction)


def _tensors(tadm: Mapping[str, object], entry: str) -> Mapping[str, object]:
    value = tadm.get(entry)
    if not isinstance(value, Mapping):
        raise ModelError(f"checkpoint: {entry} is a {type(value).__name__}, expected a state dict")
    return value


def _adapter(base: AdapterConfig, tadm: Mapping[str, object], part: str) -> AdapterConfig:
    rank, targets = tadm.get(f"rank_{part}"), tadm.get(f"{part}_lora_target_modules")
    if not isinstance(rank, int) or rank < 1:
        raise ModelError(f"checkpoint: rank_{part} is {rank!r}, expected a positive integer")
    checked: Any = targets
    if not isinstance(targets, str):
        if not isinstance(targets, (list, tuple)) or not all(isinstance(name, str) for name in targets):
            raise ModelError(f"checkpoint: {part}_lora_target_modules is {targets!r}, expected names or a pattern")
        checked = tuple(targets)
    return replace(base, rank=rank, targets=checked)

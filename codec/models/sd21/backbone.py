"""Stable Diffusion 2.1-base, or a stand-in of its kind, read from a folder in diffusers' layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor

from codec.errors import ModelError
from codec.models.sd21.config import LATENT_FACTOR


@dataclass(frozen=True)
class Backbone:
    """What the family takes from Stable Diffusion; no tokenizer and no text encoder.

    Attributes:
        unet: the denoiser's network.
        vae: the latent codec's network.
        alphas_cumprod: cumulative signal power at every training timestep, float32 [timesteps] in (0, 1).
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    alphas_cumprod: Tensor


def load_backbone(source: str | Path, *, download: bool = False) -> Backbone:
    """Read `unet/`, `vae/` and `scheduler/`, float32, on the CPU, in evaluation mode. Weights must be safetensors.

    Args:
        source: a local folder in diffusers' layout, or a hub name.
        download: whether a hub name may be fetched; otherwise it must already be in the local cache.

    Raises:
        ModelError: a part is absent, incomplete, or not what TADM was trained around (epsilon prediction, 1/8 latent).
    """
    unet = _load(UNet2DConditionModel, source, "unet", download)
    vae = _load(AutoencoderKL, source, "vae", download)
    try:
        schedule = DDPMScheduler.from_pretrained(str(source), subfolder="scheduler", local_files_only=not download)
    except (OSError, ValueError) as exc:
        raise ModelError(f"backbone {source}: scheduler is not readable ({_one_line(exc)})") from exc
    if schedule.config.prediction_type != "epsilon":
        raise ModelError(
            f"backbone {source}: prediction type is {schedule.config.prediction_type!r}, expected 'epsilon' "
            "(that is 2.1-base, not 2.1)"
        )
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    if factor != LATENT_FACTOR:
        raise ModelError(f"backbone {source}: the vae works at 1/{factor}, expected 1/{LATENT_FACTOR}")
    if unet.config.in_channels != vae.config.latent_channels:
        raise ModelError(
            f"backbone {source}: the unet takes {unet.config.in_channels} channels, the vae gives "
            f"{vae.config.latent_channels}"
        )
    return Backbone(unet=unet.eval(), vae=vae.eval(), alphas_cumprod=schedule.alphas_cumprod.float())


def _load(kind: Any, source: str | Path, part: str, download: bool) -> Any:  # noqa: ANN401 - a diffusers model
    try:
        # Without low memory mode every weight is loaded at once and a missing one would stay random, so the loader's
        # own account of missing and unexpected names is checked.
        model, info = kind.from_pretrained(
            str(source),
            subfolder=part,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
            local_files_only=not download,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise ModelError(f"backbone {source}: {part} is not readable ({_one_line(exc)})") from exc
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(problem):
            raise ModelError(f"backbone {source}: {part} has {problem.replace('_', ' ')}: {sorted(info[problem])[:5]}")
    return model


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200] or type(exc).__name__

"""What a stage of the `sd21` family starts from: a package, or a backbone alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from codec.models.sd21.backbone import find_folder, find_parts, load_vae
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.sd21.vae import LatentCodec
from codec.training.sd21.config import Sd21StageConfig
from codec.training.sd21.data import precompute_latents
from codec.training.sd21.stages import TadmStage
from codec.training.sd21.trainable import Trainable


def stage_of(
    path: Path, overrides: dict[str, Any], store: Path, device: torch.device, *,
    init: Path | None, backbone: str | None, prompt: Path | None,
) -> TadmStage:  # fmt: skip
    """The stage that a TOML file describes, on the weights of a package (`init`) or of a backbone.

    Raises:
        InputError: the file or the store cannot be used, or the weights are of another scale.
        ModelError: the package, the backbone or a perceptual term's weights are not here.
    """
    config = Sd21StageConfig.from_file(path, **overrides)
    if init is not None:
        trained = Trainable.from_package(init, config.kind, config.timestep)
    else:
        folder = find_folder(backbone or "", with_text_encoder=prompt is None)
        # the empty prompt, as in the release's scripts
        embedding = embed_prompt(folder, "") if prompt is None else read_prompt(prompt)
        trained = Trainable.fresh(find_parts(folder), embedding, config, "" if prompt is None else None)
    return TadmStage(config, trained, store, device)


def precompute(store: Path, backbone: str, device: torch.device, on_progress: Callable[[int], None]) -> None:
    """Encode every square of a crop store with a backbone's VAE, see `precompute_latents`."""
    latent_codec = LatentCodec(load_vae(find_parts(find_folder(backbone)).vae)).eval().to(device)
    precompute_latents(store, latent_codec, device, on_progress)

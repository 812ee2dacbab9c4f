"""Packages of the `sd21` family on disk: everything but the backbone, which is named by path and pinned by hash.

- `config.json`: widths, scale, hashes of the backbone's files, where they were found
- `rescaler<scale>`, `predictor`, `scheduler`, `prompt` (the constant prompt's embedding), each `.safetensors`; without
  the second and third where the config fixes the timestep
- `unet_adapter/` (LoRA and `conv_in`) and `vae_adapter/` (LoRA of the decoder), in peft's own form
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from codec.errors import ModelError
from codec.models.files import read_config
from codec.models.sd21.adapters import read_adapter, save_adapter
from codec.models.sd21.backbone import BackbonePaths, load_backbone, load_vae
from codec.models.sd21.config import Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.encoding import LrEncoder
from codec.models.sd21.loading import load_exact, read_tensors
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.release import Release, build_pipeline
from codec.models.sd21.sources import backbone_fields, backbone_of
from codec.models.sd21.vae import LatentCodec

#: Keys of `config.json` beside those of `Sd21Config`.
_BESIDE = ("scales", "backbone", "sources")


def save_package(release: Release, prompt: Tensor, paths: BackbonePaths, folder: Path) -> None:
    """Write a package.

    Args:
        release: tensors and config.
        prompt: embedding of the constant prompt, float [1, tokens, width].
        paths: the backbone that the release was trained around.
        folder: is made.

    Raises:
        ModelError: a file of the backbone is missing.
    """
    folder.mkdir(parents=True)
    config, scale = release.config, release.config.rescaler.scale
    save_adapter(folder / "unet_adapter", config.unet_adapter, tensors_of(release.unet))
    save_adapter(folder / "vae_adapter", config.vae_adapter, tensors_of(release.vae))
    save_file(tensors_of(release.rescaler), folder / f"rescaler{scale}.safetensors")
    if config.timestep is None:
        save_file(tensors_of(release.predictor), folder / "predictor.safetensors")
        save_file(tensors_of(release.scheduler), folder / "scheduler.safetensors")
    save_file({"prompt": prompt.contiguous()}, folder / "prompt.safetensors")
    beside = {"scales": [scale]} | backbone_fields(paths)
    (folder / "config.json").write_text(json.dumps(config.to_dict() | beside, indent=1) + "\n")


def load_package(folder: Path, *, merge: bool = True, check: bool = False) -> Sd21Pipeline:
    """The whole family, float32, on the CPU, in evaluation mode.

    Args:
        folder: a package.
        merge: fold the adapters into the backbone's weights: faster, equal up to float rounding.
        check: hash the backbone even where its files look untouched.

    Raises:
        ModelError: the package or its backbone is absent, incomplete, or not what it was.
    """
    release, prompt = load_release(folder)
    paths = backbone_of(folder, read_config(folder), check=check)
    backbone = load_backbone(paths, release.config.conventions.prediction)
    return build_pipeline(backbone, release, prompt, merge=merge)


def load_release(folder: Path) -> tuple[Release, Tensor]:
    """Everything in a package but the backbone, and the prompt's embedding, float [1, tokens, width].

    Raises:
        ModelError: the package is absent or incomplete.
    """
    config = package_config(folder)
    aligned = config.timestep is None
    release = Release(
        config=config,
        rescaler=read_tensors(folder / f"rescaler{config.rescaler.scale}.safetensors"),
        predictor=read_tensors(folder / "predictor.safetensors") if aligned else {},
        scheduler=read_tensors(folder / "scheduler.safetensors") if aligned else {},
        unet=read_adapter(folder / "unet_adapter", config.unet_adapter),
        vae=read_adapter(folder / "vae_adapter", config.vae_adapter),
    )
    (prompt,) = read_tensors(folder / "prompt.safetensors").values()
    return release, prompt


def load_encoder(folder: Path) -> LrEncoder:
    """What encoding needs of a package: VAE and rescaler, float32, on the CPU, in evaluation mode.

    Raises:
        ModelError: as `load_package`.
    """
    fields = read_config(folder)
    config = _config_of(fields)
    name = f"rescaler{config.rescaler.scale}.safetensors"
    rescaler = Rescaler(config.rescaler)
    load_exact(rescaler, read_tensors(folder / name), f"model package {folder}: {name}")
    encoder = LrEncoder(LatentCodec(load_vae(backbone_of(folder, fields).vae)), rescaler, config.conventions)
    return encoder.eval().requires_grad_(False)


def package_config(folder: Path) -> Sd21Config:
    """The widths of a package.

    Raises:
        ModelError: it has no readable config.
    """
    return _config_of(read_config(folder))


def package_backbone(folder: Path) -> BackbonePaths:
    """The backbone of a package, if it is what it was.

    Raises:
        ModelError: it is absent or has changed.
    """
    return backbone_of(folder, read_config(folder))


def tensors_of(part: Any) -> dict[str, Tensor]:  # noqa: ANN401 - a state dict as a checkpoint holds it
    """A checkpoint's part, fit for safetensors.

    Raises:
        ModelError: a value is not a tensor.
    """
    for name, value in part.items():
        if not isinstance(value, Tensor):
            raise ModelError(f"checkpoint: {name!r} is a {type(value).__name__}, expected a tensor")
    return {name: value.detach().contiguous() for name, value in part.items()}


def _config_of(fields: dict[str, Any]) -> Sd21Config:
    config = Sd21Config.from_dict({k: v for k, v in fields.items() if k not in _BESIDE})
    scale = config.rescaler.scale
    if fields.get("scales") != [scale]:
        raise ModelError(f"config: scales are {fields.get('scales')!r}, the rescaler's is {scale}")
    return config

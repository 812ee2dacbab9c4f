"""Packages of the `sd21` family on disk: everything but the backbone, which is named by path and pinned by hash.

- `config.json`: widths, scale, hashes of the backbone's files, where they were found
- `rescaler<scale>`, `predictor`, `scheduler`, `prompt` (the constant prompt's embedding), each `.safetensors`
- `unet_adapter/` (LoRA and `conv_in`) and `vae_adapter/` (LoRA of the decoder), in peft's own form
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from codec.errors import ModelError
from codec.models.files import read_config
from codec.models.sd21.adapters import read_adapter, save_adapter
from codec.models.sd21.backbone import BackbonePaths, find_parts, load_backbone, load_vae
from codec.models.sd21.config import Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.encoding import LrEncoder
from codec.models.sd21.loading import load_exact, read_tensors
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.release import Release, build_pipeline
from codec.models.sd21.vae import LatentCodec

#: Keys of `config.json` beside those of `Sd21Config`.
_BESIDE = ("scales", "backbone", "sources")
#: Where to look for a backbone that is no longer where it was: a folder in diffusers' layout.
BACKBONE_VARIABLE = "TADMC_BACKBONE"


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
    save_file(tensors_of(release.predictor), folder / "predictor.safetensors")
    save_file(tensors_of(release.scheduler), folder / "scheduler.safetensors")
    save_file({"prompt": prompt.contiguous()}, folder / "prompt.safetensors")
    sources = {name: [str(path.resolve()), *_stamp(path)] for name, path in paths.files().items()}
    beside = {"scales": [scale], "backbone": paths.hashes(), "sources": sources}
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
    fields = read_config(folder)
    config = _config_of(fields)
    release = Release(
        config=config,
        rescaler=read_tensors(folder / f"rescaler{config.rescaler.scale}.safetensors"),
        predictor=read_tensors(folder / "predictor.safetensors"),
        scheduler=read_tensors(folder / "scheduler.safetensors"),
        unet=read_adapter(folder / "unet_adapter", config.unet_adapter),
        vae=read_adapter(folder / "vae_adapter", config.vae_adapter),
    )
    (prompt,) = read_tensors(folder / "prompt.safetensors").values()
    backbone = load_backbone(_backbone(folder, fields, check=check))
    return build_pipeline(backbone, release, prompt, merge=merge)


def load_encoder(folder: Path) -> LrEncoder:
    """What encoding needs of a package: VAE and rescaler, float32, on the CPU, in evaluation mode.

    Raises:
        ModelError: as `load_package`.
    """
    fields = read_config(folder)
    config = _config_of(fields).rescaler
    name = f"rescaler{config.scale}.safetensors"
    rescaler = Rescaler(config)
    load_exact(rescaler, read_tensors(folder / name), f"model package {folder}: {name}")
    encoder = LrEncoder(LatentCodec(load_vae(_backbone(folder, fields, check=False).vae)), rescaler)
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
    return _backbone(folder, read_config(folder), check=False)


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


def _backbone(folder: Path, fields: dict[str, Any], *, check: bool) -> BackbonePaths:
    """The backbone of a package: where it was when the package was made, or where the environment says."""
    expected, sources = fields.get("backbone"), fields.get("sources")
    if not isinstance(expected, dict) or not isinstance(sources, dict) or not expected.keys() <= sources.keys():
        raise ModelError(f"model package {folder}: config.json does not say which backbone it needs")
    named = os.environ.get(BACKBONE_VARIABLE)
    if named:
        paths = find_parts(Path(named))
    else:
        unet, vae, scheduler = (
            Path(sources[f"{part}/{name}"][0]).parent
            for part, name in (("unet", "config.json"), ("vae", "config.json"), ("scheduler", "scheduler_config.json"))
        )
        paths = BackbonePaths(unet, vae, scheduler)
    missing = [str(path) for path in paths.files().values() if not path.is_file()]
    if missing:
        raise ModelError(
            f"model package {folder.name}: its backbone is not at {missing[0]}; "
            f"set {BACKBONE_VARIABLE} to the folder that now holds unet/, vae/ and scheduler/"
        )
    untouched = all([str(p.resolve()), *_stamp(p)] == sources[name] for name, p in paths.files().items())
    if check or not untouched:
        wrong = [name for name, digest in paths.hashes().items() if digest != expected.get(name)]
        if wrong:
            raise ModelError(f"model package {folder.name}: {paths.files()[wrong[0]]} is not the file it was made for")
    return paths


def _stamp(path: Path) -> list[int]:
    """Size and time of the last change: while they stay, a file is not hashed again."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]

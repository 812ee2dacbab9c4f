"""TUDSR packages on disk: everything but the backbone, which is named by path and pinned by hash.

- `config.json`: split, timesteps, adapters, hashes of the backbone's files, where they were found
- `first.safetensors`, `second.safetensors`: LoRA of the U-Net for each pass, under the adapted network's names
- `prompt.safetensors`: the constant prompt's embedding
- `first/`, in place of `first.safetensors`: a package of TADM as the first pass
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from codec.errors import ModelError
from codec.models.files import read_config
from codec.models.sd21.adapters import add_adapters, is_adapter
from codec.models.sd21.backbone import Backbone, BackbonePaths, load_backbone
from codec.models.sd21.family import SD21
from codec.models.sd21.loading import load_exact, read_tensors
from codec.models.sd21.sources import backbone_fields, backbone_of
from codec.models.sd21.vae import LatentCodec
from codec.models.tudsr.after_tadm import FOLDER, put_in
from codec.models.tudsr.config import PASSES, TudsrConfig
from codec.models.tudsr.pipeline import TudsrPipeline
from codec.models.tudsr.switching import PassDenoisers

#: Keys of `config.json` beside those of `TudsrConfig`.
_BESIDE = ("scales", "backbone", "sources", "first_package")


@dataclass(frozen=True)
class TudsrWeights:
    """What is trained of TUDSR.

    Attributes:
        config: of the package.
        adapters: LoRA of the U-Net, one a pass, under the adapted network's names.
    """

    config: TudsrConfig
    adapters: tuple[Mapping[str, Tensor], ...]


def of_pass(name: str, number: int) -> bool:
    """Whether a tensor of the adapted U-Net belongs to the adapter of a pass, counted from 0."""
    return _of_adapter(PASSES[number], name)


def _of_adapter(adapter: str, name: str) -> bool:
    return is_adapter(name) and f".{adapter}." in name


def build_pipeline(backbone: Backbone, weights: TudsrWeights, prompt: Tensor) -> TudsrPipeline:
    """The whole family, float32, on the CPU, in evaluation mode. The backbone's networks are used, not copied.

    Args:
        backbone: without adapters.
        weights: see there.
        prompt: embedding of the constant prompt, float [1, tokens, width].

    Raises:
        ModelError: a tensor is missing, unexpected or of another shape, or the parts do not fit each other.
    """
    config, unet = weights.config, backbone.unet
    add_adapters(unet, config.adapters, "unet")
    for adapter, tensors in zip(config.adapters, weights.adapters, strict=True):
        load_exact(unet, tensors, f"{adapter.name} adapter", partial(_of_adapter, adapter.name))
    denoisers = PassDenoisers(unet, config.adapters, prompt)
    pipeline = TudsrPipeline(
        config=config, latent_codec=LatentCodec(backbone.vae), denoisers=denoisers,
        alphas_cumprod=backbone.alphas_cumprod,
    )  # fmt: skip
    return pipeline.eval().requires_grad_(False)


def save_package(
    weights: TudsrWeights, prompt: Tensor, paths: BackbonePaths, folder: Path, *, tadm: Path | None = None
) -> None:
    """Write a package.

    Args:
        weights: tensors and config.
        prompt: embedding of the constant prompt, float [1, tokens, width].
        paths: the backbone that they were trained around.
        folder: is made.
        tadm: package of TADM that is the first pass, where the config says so; it is copied.

    Raises:
        ModelError: a file of the backbone is missing, or that package is none, or not of the split's scale.
    """
    folder.mkdir(parents=True)
    names = [adapter.name for adapter in weights.config.adapters]
    files = dict(zip(names, weights.adapters, strict=True)) | {"prompt": {"prompt": prompt}}
    for name, tensors in files.items():
        kept = {k: t.detach().to("cpu").float().contiguous() for k, t in tensors.items()}
        save_file(kept, folder / f"{name}.safetensors")
    beside: dict[str, Any] = {"scales": [weights.config.scale]} | backbone_fields(paths)
    if tadm is not None:
        beside["first_package"] = put_in(tadm, folder)
        _check_first(weights.config, folder)
    (folder / "config.json").write_text(json.dumps(weights.config.to_dict() | beside, indent=1) + "\n")


def load_weights(folder: Path) -> tuple[TudsrWeights, Tensor]:
    """What was trained, and the prompt.

    Raises:
        ModelError: the package is absent or incomplete.
    """
    fields = read_config(folder)
    config = TudsrConfig.from_dict({k: v for k, v in fields.items() if k not in _BESIDE})
    if fields.get("scales") != [config.scale]:
        raise ModelError(f"config: scales are {fields.get('scales')!r}, the package is for {config.scale}")
    if config.first == "tadm":
        _check_first(config, folder)
        if SD21.identity(read_config(folder / FOLDER)) != fields.get("first_package"):
            raise ModelError(f"model package {folder}: its first pass is not the one it was made with")
    adapters = tuple(read_tensors(folder / f"{adapter.name}.safetensors") for adapter in config.adapters)
    (prompt,) = read_tensors(folder / "prompt.safetensors").values()
    return TudsrWeights(config, adapters), prompt


def _check_first(config: TudsrConfig, folder: Path) -> None:
    scales = read_config(folder / FOLDER).get("scales")
    if scales != [config.split[0]]:
        raise ModelError(f"config: split begins with {config.split[0]}, the first pass is for {scales!r}")


def load_package(folder: Path, *, check: bool = False) -> TudsrPipeline:
    """The whole family, float32, on the CPU, in evaluation mode; the backbone is read once.

    Args:
        folder: a package.
        check: hash the backbone even where its files look untouched.

    Raises:
        ModelError: the package or its backbone is absent, incomplete, or not what it was.
    """
    weights, prompt = load_weights(folder)
    return build_pipeline(load_backbone(backbone_of(folder, read_config(folder), check=check)), weights, prompt)

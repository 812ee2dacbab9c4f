"""TADSR packages on disk: everything but the backbone, which is named by path and pinned by hash.

- `config.json`: scale, forms, adapters, dial, hashes of the backbone's files, where they were found
- `unet.safetensors`: LoRA of the U-Net and its `conv_in`, `encoder.safetensors`: LoRA and time layers of the VAE's
  encoder, `prompt.safetensors`: the constant prompt's embedding; names are those of the adapted networks
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from codec.errors import ModelError
from codec.models.files import read_config
from codec.models.sd21.adapters import add_adapters, fuse_adapters, is_adapter, is_trained
from codec.models.sd21.backbone import Backbone, BackbonePaths, load_backbone
from codec.models.sd21.denoiser import Denoiser
from codec.models.sd21.loading import load_exact, read_tensors
from codec.models.sd21.sources import backbone_fields, backbone_of
from codec.models.tadsr.config import TadsrConfig
from codec.models.tadsr.pipeline import TadsrPipeline
from codec.models.tadsr.time_encoder import PlainEncoder, TimeAwareEncoder, is_time

#: Keys of `config.json` beside those of `TadsrConfig`.
_BESIDE = ("scales", "backbone", "sources")
#: Parts of a package, in the order of the model id.
PARTS = ("encoder", "prompt", "unet")


@dataclass(frozen=True)
class TadsrWeights:
    """What is trained of TADSR.

    Attributes:
        config: of the package.
        unet: LoRA of the U-Net and its `conv_in`, under the adapted network's names.
        encoder: LoRA and time layers of the VAE's encoder, likewise.
    """

    config: TadsrConfig
    unet: Mapping[str, Tensor]
    encoder: Mapping[str, Tensor]


def is_encoder(name: str) -> bool:
    """Whether a tensor of the adapted VAE is trained."""
    return is_adapter(name) or is_time(name)


def build_pipeline(backbone: Backbone, weights: TadsrWeights, prompt: Tensor, *, merge: bool = False) -> TadsrPipeline:
    """The whole family, float32, on the CPU, in evaluation mode. The backbone's networks are used, not copied.

    Args:
        backbone: without adapters.
        weights: see there.
        prompt: embedding of the constant prompt, float [1, tokens, width].
        merge: fold the adapters into the backbone's weights: faster, equal up to float rounding.

    Raises:
        ModelError: a tensor is missing, unexpected or of another shape, or the parts do not fit each other.
    """
    config, unet, vae = weights.config, backbone.unet, backbone.vae
    aware = config.encoder == "time_aware"
    encoder = TimeAwareEncoder(vae) if aware else PlainEncoder(vae)
    add_adapters(unet, config.unet_adapters, "unet")
    add_adapters(vae, (config.encoder_adapter,), "encoder")
    load_exact(unet, weights.unet, "unet", is_trained)
    load_exact(vae, weights.encoder, "encoder", is_encoder)
    if merge:
        fuse_adapters(unet, config.unet_adapters)
        fuse_adapters(vae, (config.encoder_adapter,))
    pipeline = TadsrPipeline(
        config=config, encoder=encoder, denoiser=Denoiser(unet, prompt), alphas_cumprod=backbone.alphas_cumprod
    )
    return pipeline.eval().requires_grad_(False)


def save_package(weights: TadsrWeights, prompt: Tensor, paths: BackbonePaths, folder: Path) -> None:
    """Write a package.

    Args:
        weights: tensors and config.
        prompt: embedding of the constant prompt, float [1, tokens, width].
        paths: the backbone that they were trained around.
        folder: is made.

    Raises:
        ModelError: a file of the backbone is missing.
    """
    folder.mkdir(parents=True)
    for name, tensors in (("unet", weights.unet), ("encoder", weights.encoder), ("prompt", {"prompt": prompt})):
        kept = {k: t.detach().to("cpu").float().contiguous() for k, t in tensors.items()}
        save_file(kept, folder / f"{name}.safetensors")
    beside = {"scales": [weights.config.scale]} | backbone_fields(paths)
    (folder / "config.json").write_text(json.dumps(weights.config.to_dict() | beside, indent=1) + "\n")


def load_weights(folder: Path) -> tuple[TadsrWeights, Tensor]:
    """What was trained, and the prompt.

    Raises:
        ModelError: the package is absent or incomplete.
    """
    config = _config_of(folder)
    weights = TadsrWeights(
        config, read_tensors(folder / "unet.safetensors"), read_tensors(folder / "encoder.safetensors")
    )
    (prompt,) = read_tensors(folder / "prompt.safetensors").values()
    return weights, prompt


def load_package(folder: Path, *, merge: bool = True, check: bool = False) -> TadsrPipeline:
    """The whole family, float32, on the CPU, in evaluation mode.

    Args:
        folder: a package.
        merge: fold the adapters into the backbone's weights: faster, equal up to float rounding.
        check: hash the backbone even where its files look untouched.

    Raises:
        ModelError: the package or its backbone is absent, incomplete, or not what it was.
    """
    weights, prompt = load_weights(folder)
    backbone = load_backbone(backbone_of(folder, read_config(folder), check=check))
    return build_pipeline(backbone, weights, prompt, merge=merge)


def _config_of(folder: Path) -> TadsrConfig:
    fields = read_config(folder)
    config = TadsrConfig.from_dict({k: v for k, v in fields.items() if k not in _BESIDE})
    if fields.get("scales") != [config.scale]:
        raise ModelError(f"config: scales are {fields.get('scales')!r}, the package is for {config.scale}")
    return config

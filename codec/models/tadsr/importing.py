"""From TADSR's published checkpoint to a model package."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from codec.errors import InputError, ModelError
from codec.models.sd21.backbone import find_folder, find_parts, load_backbone
from codec.models.sd21.checkpoints import plain_state, read_checkpoint
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.package import tensors_of
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.tadsr.config import TadsrConfig
from codec.models.tadsr.package import TadsrWeights, build_pipeline, save_package


def import_tadsr(
    out: Path, *, backbone: str, tadsr: Path, time_vae: Path | None = None, scale: int = 4, vae: str | None = None,
    prompt: Path | None = None, download: bool = False,
) -> None:  # fmt: skip
    """Turn the published file into a package; it is complete or not there at all.

    Every tensor is put into its network once on the way, so that what does not fit is found here.

    Args:
        out: folder to make.
        backbone: folder of Stable Diffusion 2.1-base in diffusers' layout, or a hub name.
        tadsr: the checkpoint: adapters, `conv_in`, time layers.
        time_vae: the release's folder or checkpoint of the time-aware VAE, for time layers that the checkpoint lacks.
        scale: HR/LR ratio; the paper has 4.
        vae: folder or hub name of another VAE than the backbone's.
        prompt: stored embedding of the constant prompt; None = by the backbone's text encoder.
        download: whether hub names may be fetched.

    Raises:
        InputError: `out` is already there.
        ModelError: something is missing, broken, or does not fit.
    """
    if out.exists():
        raise InputError(f"{out} already exists")
    weights = read_tadsr(
        read_checkpoint(tadsr), scale, None if time_vae is None else plain_state(read_checkpoint(time_vae))
    )
    folder = find_folder(backbone, download=download, with_text_encoder=prompt is None)
    paths = find_parts(folder, None if vae is None else find_folder(vae, download=download))
    embedding = embed_prompt(folder) if prompt is None else read_prompt(prompt)
    build_pipeline(load_backbone(paths), weights, embedding)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as work:
        made = Path(work) / out.name
        save_package(weights, embedding, paths, made)
        made.rename(out)


def read_tadsr(
    checkpoint: Mapping[str, object], scale: int, time_vae: Mapping[str, object] | None = None
) -> TadsrWeights:
    """Sort the published checkpoint into parts.

    Args:
        checkpoint: content of the file.
        scale: HR/LR ratio.
        time_vae: tensors of the whole time-aware VAE, of which those of time are taken where the checkpoint has none.

    Raises:
        ModelError: an entry is missing or of the wrong kind.
    """
    groups = ("encoder", "decoder", "others")
    unet_adapters = tuple(
        AdapterConfig(
            rank=_rank(checkpoint, "unet"), targets=_layers(checkpoint, f"unet_lora_{group}_modules"),
            name=f"default_{group}",
        )
        for group in groups
    )  # fmt: skip
    encoder_adapter = AdapterConfig(
        rank=_rank(checkpoint, "vae"), targets=_layers(checkpoint, "vae_lora_encoder_modules"), name="default_encoder"
    )
    time = tensors_of(_state(checkpoint, "state_dict_vae_time"))
    if time_vae is not None:
        time = {k: t for k, t in tensors_of(time_vae).items() if "time_emb" in k} | time
    encoder: dict[str, Tensor] = time | tensors_of(_state(checkpoint, "state_dict_vae"))
    config = TadsrConfig(scale=scale, unet_adapters=unet_adapters, encoder_adapter=encoder_adapter)
    return TadsrWeights(config, tensors_of(_state(checkpoint, "state_dict_unet")), encoder)


def _state(checkpoint: Mapping[str, object], entry: str) -> Mapping[str, object]:
    value = checkpoint.get(entry)
    if not isinstance(value, Mapping):
        raise ModelError(f"checkpoint: {entry} is a {type(value).__name__}, expected a state dict")
    return value


def _rank(checkpoint: Mapping[str, object], part: str) -> int:
    rank = checkpoint.get(f"rank_{part}")
    if not isinstance(rank, int) or rank < 1:
        raise ModelError(f"checkpoint: rank_{part} is {rank!r}, expected a positive integer")
    return rank


def _layers(checkpoint: Mapping[str, object], entry: str) -> tuple[str, ...]:
    value = checkpoint.get(entry)
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) for name in value):
        raise ModelError(f"checkpoint: {entry} is {value!r}, expected names of layers")
    return tuple(value)

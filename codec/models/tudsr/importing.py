"""From plain LoRA files to a model package: whoever trained TUDSR's adapters elsewhere has one file a pass."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from codec.errors import InputError, ModelError
from codec.models.sd21.backbone import find_folder, find_parts, load_backbone
from codec.models.sd21.checkpoints import plain_state, read_checkpoint
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.loading import read_tensors
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.tudsr.config import PASSES, TIMESTEPS, TudsrConfig
from codec.models.tudsr.package import TudsrWeights, build_pipeline, save_package

#: What stands before a layer's name in files of peft, of diffusers, and of either inside a whole network's.
_PREFIXES = ("base_model.model.", "unet.", "module.")
#: A layer and which factor of its adapter a tensor is, in the names that trainers give.
_FACTOR = re.compile(r"(?P<layer>.+?)\.(?:lora_(?P<new>[AB])(?:\.\w+)?|lora[._](?P<old>down|up))\.weight")
_ALPHA = re.compile(r"(?P<layer>.+)\.alpha")


def import_tudsr(
    out: Path, *, backbone: str, adapters: Sequence[Path], split: Sequence[int],
    timesteps: Sequence[int] = TIMESTEPS, alpha: float | None = None, vae: str | None = None,
    prompt: Path | None = None, tadm: Path | None = None, download: bool = False,
) -> None:  # fmt: skip
    """Turn LoRA files of the U-Net into a package; it is complete or not there at all.

    Every tensor is put into its network once on the way, so that what does not fit is found here.

    Args:
        out: folder to make.
        backbone: folder of Stable Diffusion 2.1-base in diffusers' layout, or a hub name.
        adapters: a file a pass, safetensors or a checkpoint of plain tensors; with `tadm` that of the second alone.
        split: how much each pass enlarges.
        timesteps: t of each pass.
        alpha: of files that do not say; None = their rank: the factors as they are.
        vae: folder or hub name of another VAE than the backbone's.
        prompt: stored embedding of the constant prompt; None = by the backbone's text encoder.
        tadm: package of TADM as the first pass.
        download: whether hub names may be fetched.

    Raises:
        InputError: `out` is already there, or there is not a factor a file.
        ModelError: something is missing, broken, or does not fit.
    """
    if out.exists():
        raise InputError(f"{out} already exists")
    passes = PASSES[int(tadm is not None) : len(split)]
    if len(adapters) != len(passes):
        raise InputError(f"{len(adapters)} adapters for {len(passes)} of {len(split)} passes, expected one each")
    read = [read_lora(path, name, alpha) for name, path in zip(passes, adapters, strict=True)]
    config = TudsrConfig(
        split=tuple(split), timesteps=tuple(timesteps[-len(passes) :] if tadm else timesteps[: len(passes)]),
        adapters=tuple(adapter for adapter, _ in read), first="own" if tadm is None else "tadm",
    )  # fmt: skip
    weights = TudsrWeights(config, tuple(tensors for _, tensors in read))
    folder = find_folder(backbone, download=download, with_text_encoder=prompt is None)
    paths = find_parts(folder, None if vae is None else find_folder(vae, download=download))
    embedding = embed_prompt(folder) if prompt is None else read_prompt(prompt)
    build_pipeline(load_backbone(paths), weights, embedding)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as work:
        made = Path(work) / out.name
        save_package(weights, embedding, paths, made, tadm=tadm)
        made.rename(out)


def read_lora(path: Path, name: str, alpha: float | None = None) -> tuple[AdapterConfig, dict[str, Tensor]]:
    """An adapter of a file in the names of peft, of diffusers (old and new) or of the adapted network.

    Args:
        path: safetensors, or a checkpoint of plain tensors.
        name: of the adapter.
        alpha: if the file does not say; None = the rank.

    Returns:
        The adapter, and its tensors under the adapted network's names.

    Raises:
        ModelError: it is not readable, holds something else, or its layers differ in rank or alpha.
    """
    content: Mapping[str, object]
    content = read_tensors(path) if path.suffix == ".safetensors" else plain_state(read_checkpoint(path))
    tensors, ranks, alphas = dict[str, Tensor](), set[int](), set[float]()
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise ModelError(f"{path}: {key!r} is a {type(value).__name__}, expected a tensor")
        plain = _plain(key)
        factor, scaled = _FACTOR.fullmatch(plain), _ALPHA.fullmatch(plain)
        if factor is not None:
            which = factor["new"] or {"down": "A", "up": "B"}[factor["old"]]
            tensors[f"{factor['layer']}.lora_{which}.{name}.weight"] = value.detach().contiguous()
            ranks.add(value.shape[0 if which == "A" else 1])
        elif scaled is not None:
            alphas.add(float(value))
        else:
            raise ModelError(f"{path}: {key!r} is no tensor of a LoRA of the U-Net")
    if len(ranks) != 1 or len(alphas) > 1:
        raise ModelError(f"{path}: ranks {sorted(ranks)}, alphas {sorted(alphas)}, expected one of each for all layers")
    (rank,) = ranks
    found = next(iter(alphas), rank if alpha is None else alpha)
    layers = tuple(sorted({key.partition(".lora_")[0] for key in tensors}))
    return AdapterConfig(rank=rank, alpha=found, targets=layers, name=name), tensors


def _plain(key: str) -> str:
    """A name without what may stand before it, and without the processors that old files hang attention under."""
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    key = re.sub(r"\.processor\.to_(q|k|v|out)_lora\.(down|up)\.", r".to_\1.lora.\2.", key)
    return key.replace(".to_out.lora.", ".to_out.0.lora.")

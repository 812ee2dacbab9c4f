"""Compact model packages on disk: `config.json` and one fp16 safetensors file a part, of either architecture."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from codec.errors import ModelError
from codec.models.compact.configs import compact_config
from codec.models.compact.v1.config import CompactConfig as FirstConfig
from codec.models.compact.v1.model import CompactModel as FirstModel
from codec.models.compact.v2.config import CompactConfig
from codec.models.compact.v2.model import CompactModel

AnyModel = FirstModel | CompactModel
#: Tensors by which one scale enters the denoiser that all share.
_ENTRY = re.compile(r"conv_in\.\d+\.")


def save_package(model: AnyModel, folder: Path) -> None:
    """Write `config.json` and `<part>.safetensors` (fp16) for every part."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), indent=1) + "\n")
    for name, part in model.parts().items():
        tensors = {k: v.detach().to("cpu", torch.float16).contiguous() for k, v in part.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")


def load_parts(model: AnyModel, folder: Path, *, missing_ok: bool = False) -> None:
    """Fill a model's parts from a package; a part present must match in every name and shape.

    Raises:
        ModelError: a part is absent (unless `missing_ok`), not safetensors, or does not fit the model.
    """
    for name, part in model.parts().items():
        path = folder / f"{name}.safetensors"
        if not path.exists():
            if missing_ok:
                continue
            raise ModelError(f"model package {folder}: {path.name} is missing")
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as exc:
            raise ModelError(f"model package {folder}: {path.name} is not readable ({exc})") from exc
        own = part.state_dict()
        found = {k: v.float() for k, v in tensors.items() if k in own or not _ENTRY.match(k)}
        if missing_ok:  # entries of scales that are yet to be trained stay as they are
            found = {k: v for k, v in own.items() if _ENTRY.match(k)} | found
        try:
            part.load_state_dict(found, strict=True)
        except RuntimeError as exc:
            why = str(exc).splitlines()[1].strip() if "\n" in str(exc) else exc
            raise ModelError(f"model package {folder}: {path.name} does not fit its config ({why})") from exc


def borrow_parts(model: CompactModel, folder: Path, scale: int, from_scale: int) -> None:
    """Start a scale's parts from those of another scale: every tensor that a part of the package has in the same name
    and shape; the others stay as they are. The trunk has one shape for all scales.

    Raises:
        ModelError: the package has no part of that scale.
    """
    found = False
    for name, part in model.parts().items():
        shared = name == "denoiser"
        path = folder / f"{name if shared else f'{name.removesuffix(str(scale))}{from_scale}'}.safetensors"
        if not path.exists():
            continue
        own, theirs = part.state_dict(), {k: v.float() for k, v in load_file(path).items()}
        if shared:
            entry = f"conv_in.{from_scale}."
            theirs = {f"conv_in.{scale}.{k.removeprefix(entry)}": v for k, v in theirs.items() if k.startswith(entry)}
        found = found or bool(theirs)
        part.load_state_dict(own | {k: v for k, v in theirs.items() if k in own and own[k].shape == v.shape})
    if not found:
        raise ModelError(f"model package {folder}: no part of scale {from_scale}")


def merged(folders: Sequence[Path]) -> CompactModel:
    """One model of the parts of several packages; a later package's parts replace those of an earlier one, the dial's
    default is the first's, shading that of the denoiser's.

    Raises:
        ModelError: a package is unreadable, they differ in more than their scales, or the last denoiser lacks a scale
            that an earlier one has.
    """
    configs = [compact_config(folder) for folder in folders]
    lists = ("scales", "denoisers", "writers")
    union: dict[str, Any] = {of: tuple(sorted({s for c in configs for s in getattr(c, of)})) for of in lists}
    compact = [config for config in configs if isinstance(config, CompactConfig)]
    last = next((c for c in reversed(compact) if c.denoisers), None)
    denoisers, shading = (last.denoisers, last.shading) if last else ((), 0.0)
    if tuple(sorted(denoisers)) != union["denoisers"]:
        raise ModelError(
            f"the last denoiser is for scales {denoisers}, together the model packages have {union['denoisers']}"
        )
    whole = {replace(config, **union, realism=compact[0].realism, shading=shading) for config in compact}
    if len(whole) != 1 or not all(isinstance(config, CompactConfig) for config in configs):
        raise ModelError("model packages differ in more than their scales: they cannot be merged")
    model = CompactModel(whole.pop())
    for folder in folders:
        load_parts(model, folder, missing_ok=True)
    return model.eval()


def load_package(folder: Path, scales: tuple[int, ...] | None = None, *, decoding: bool = False) -> AnyModel:
    """A model with the weights of a package, fp32, on the CPU, in evaluation mode.

    Args:
        folder: a package folder.
        scales: scales to load; None = all the package has.
        decoding: leave out what only encoders use.

    Raises:
        ModelError: the package is absent, incomplete, or does not fit its config.
    """
    config = compact_config(folder, scales)
    if decoding:
        config = replace(config, writers=())
    model: AnyModel = FirstModel(config) if isinstance(config, FirstConfig) else CompactModel(config)
    load_parts(model, folder)
    return model.eval().requires_grad_(False)

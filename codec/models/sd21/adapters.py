"""LoRA adapters on the backbone's networks, through peft."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor

from codec.errors import ModelError
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.loading import load_exact, read_tensors

_PEFT_FILE = "adapter_model.safetensors"
#: peft stores the names of a wrapped network.
_PEFT_PREFIX = "base_model.model."


def is_adapter(name: str) -> bool:
    """Whether a tensor of an adapted network belongs to the adapter."""
    return "lora" in name


def is_trained(name: str) -> bool:
    """Whether a tensor of the adapted U-Net was trained: the adapter, and `conv_in` whole, as released."""
    return "lora" in name or "conv_in" in name


def add_adapter(
    network: Any,  # noqa: ANN401 - a diffusers model with peft's mixin
    adapter: AdapterConfig,
    tensors: Mapping[str, object],
    what: str,
    belongs: Callable[[str], bool] = is_adapter,
    *,
    merge: bool = False,
) -> None:
    """Add an adapter to a network, in place, and load its tensors.

    Args:
        network: a U-Net or VAE without adapters.
        adapter: where the adapter sits and how wide it is.
        tensors: the tensors that `belongs` selects, under the adapted network's names.
        what: how error messages call `tensors`.
        belongs: which tensors of the adapted network `tensors` must hold.
        merge: fold the adapter into the network's weights: faster, equal up to float rounding, and not undone.

    Raises:
        ModelError: no layer fits the targets, or a tensor is missing, unexpected or of another shape.
    """
    try:
        network.add_adapter(_lora(adapter), adapter_name=adapter.name)
    except (ValueError, TypeError) as exc:
        raise ModelError(f"{what}: the adapter does not fit the network ({exc})") from exc
    load_exact(network, tensors, what, belongs)
    if merge:
        network.fuse_lora(adapter_names=[adapter.name])
        network.unload_lora()


def add_adapters(
    network: Any,  # noqa: ANN401 - a diffusers model with peft's mixin
    adapters: Sequence[AdapterConfig],
    what: str,
) -> None:
    """Add several adapters to a network, in place, all of them active; they begin without effect.

    Args:
        network: a U-Net or VAE without adapters.
        adapters: on layers that they do not share.
        what: how error messages call them.

    Raises:
        ModelError: no layer fits an adapter's targets.
    """
    for adapter in adapters:
        try:
            _inject(network, adapter)
        except (ValueError, TypeError) as exc:
            raise ModelError(f"{what}: the adapter {adapter.name!r} does not fit the network ({exc})") from exc
    if adapters:
        network.set_adapter([adapter.name for adapter in adapters])


def fuse_adapters(network: Any, adapters: Sequence[AdapterConfig]) -> None:  # noqa: ANN401 - as above
    """Fold adapters into a network's weights, in place: faster, equal up to float rounding, and not undone."""
    if adapters:
        network.fuse_lora(adapter_names=[adapter.name for adapter in adapters])
        network.unload_lora()


def fresh_adapter(
    network: Any,  # noqa: ANN401 - a diffusers model with peft's mixin
    adapter: AdapterConfig,
    belongs: Callable[[str], bool] = is_adapter,
) -> dict[str, Tensor]:
    """Add a new adapter to a network, in place, that has no effect yet.

    Returns:
        The tensors that `belongs` selects, as a checkpoint holds them.
    """
    _inject(network, adapter)
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items() if belongs(name)}


def save_adapter(folder: Path, adapter: AdapterConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write an adapter in peft's own form, which `peft.PeftModel.from_pretrained(network, folder)` reads.

    Args:
        folder: is made; gets `adapter_config.json` and `adapter_model.safetensors`.
        adapter: where the adapter sits and how wide it is.
        tensors: of the adapted network; what is not LoRA is stored as a module trained whole.
    """
    whole = sorted({name.rsplit(".", 1)[0] for name in tensors if not is_adapter(name)})
    config = _lora(adapter, modules_to_save=whole or None, inference_mode=True)
    folder.mkdir(parents=True)
    config.save_pretrained(str(folder))
    stored = {_PEFT_PREFIX + name.replace(f".{adapter.name}.", "."): t.contiguous() for name, t in tensors.items()}
    save_file(stored, folder / _PEFT_FILE)


def read_adapter(folder: Path, adapter: AdapterConfig) -> dict[str, Tensor]:
    """The tensors of `save_adapter`, under the adapted network's names.

    Raises:
        ModelError: they are not readable, or not peft's.
    """
    path = folder / _PEFT_FILE
    found: dict[str, Tensor] = {}
    for name, tensor in read_tensors(path).items():
        if not name.startswith(_PEFT_PREFIX):
            raise ModelError(f"{path}: {name!r} is not a name of peft's")
        plain = name.removeprefix(_PEFT_PREFIX)
        found[plain.removesuffix(".weight") + f".{adapter.name}.weight" if is_adapter(plain) else plain] = tensor
    return found


def _inject(network: Any, adapter: AdapterConfig) -> None:  # noqa: ANN401 - a diffusers model with peft's mixin
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several adapters are meant
        network.add_adapter(_lora(adapter), adapter_name=adapter.name)


def _lora(adapter: AdapterConfig, **more: Any) -> LoraConfig:  # noqa: ANN401 - fields of LoraConfig
    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    return LoraConfig(
        r=adapter.rank, lora_alpha=adapter.alpha, target_modules=targets, init_lora_weights="gaussian", **more
    )

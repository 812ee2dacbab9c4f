"""LoRA adapters on the backbone's networks, through peft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from peft import LoraConfig

from codec.errors import ModelError
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.loading import load_exact


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
    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    try:
        config = LoraConfig(
            r=adapter.rank, lora_alpha=adapter.alpha, target_modules=targets, lora_dropout=0.0, init_lora_weights=True
        )
        network.add_adapter(config, adapter_name=adapter.name)
    except (ValueError, TypeError) as exc:
        raise ModelError(f"{what}: the adapter does not fit the network ({exc})") from exc
    load_exact(network, tensors, what, belongs)
    if merge:
        network.fuse_lora(adapter_names=[adapter.name])
        network.unload_lora()

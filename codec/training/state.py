"""Checkpoints without pickles: every tensor of a training run in one safetensors file, numbers in its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class Ema:
    """Running mean of a module's parameters, warmed up so that early weights are soon forgotten."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.count = 0
        self.mean = {k: v.detach().clone().float() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the mean towards the present weights by 1 - decay (less early on)."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for k, v in module.state_dict().items():
            self.mean[k].lerp_(v.float(), 1 - keep)


def save_tensors(folder: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Write `state.safetensors`, beside the old one and then moved over it; numbers go into its metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    save_file(plain, folder / "state.new", metadata={"numbers": json.dumps(numbers)})
    (folder / "state.new").replace(folder / "state.safetensors")


def load_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Undo `save_tensors`."""
    path = folder / "state.safetensors"
    with safe_open(path, "pt") as handle:
        numbers: dict[str, Any] = json.loads(handle.metadata()["numbers"])
    return load_file(path), numbers


def optimizer_tensors(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's memory, by names that `restore_optimizer` knows."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer/{name}/{index}/{k}": v for index, slot in state.items() for k, v in slot.items()}


def restore_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Fill an optimiser's memory from `optimizer_tensors`."""
    slots: dict[int, dict[str, Tensor]] = {}
    for k, v in tensors.items():
        if k.startswith(f"optimizer/{name}/"):
            index, slot = k.split("/")[2:]
            slots.setdefault(int(index), {})[slot] = v
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def save_state(
    folder: Path, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer], ema: Ema,
    numbers: dict[str, Any],
) -> None:  # fmt: skip
    """Write a whole run: modules, optimisers, the mean, and numbers."""
    tensors: dict[str, Tensor] = {f"ema/{k}": v for k, v in ema.mean.items()}
    for name, module in modules.items():
        tensors |= {f"module/{name}/{k}": v for k, v in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        tensors |= optimizer_tensors(name, optimizer)
    save_tensors(folder, tensors, numbers | {"ema_count": ema.count})


def load_state(
    folder: Path, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer], ema: Ema
) -> dict[str, Any]:
    """Undo `save_state`: fills modules, optimisers and the mean, and returns the numbers."""
    tensors, numbers = load_tensors(folder)
    for k, v in ema.mean.items():
        v.copy_(tensors[f"ema/{k}"])
    ema.count = numbers["ema_count"]
    for name, module in modules.items():
        prefix = f"module/{name}/"
        module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    for name, optimizer in optimizers.items():
        restore_optimizer(name, optimizer, tensors)
    return numbers

"""Checkpoints without pickles: every tensor of a training run in one safetensors file, numbers in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

Tensors = dict[str, Tensor]


class Ema:
    """Running mean of named tensors, warmed up so that early weights are soon forgotten.

    Attributes:
        mean: float32, by the names of the tensors.
        count: updates so far.
    """

    def __init__(self, tensors: Tensors, decay: float) -> None:
        self.decay, self.count = decay, 0
        self._live = tensors
        self.mean = {k: v.detach().clone().float() for k, v in tensors.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the mean towards the present values by 1 - decay (less early on)."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for k, v in self._live.items():
            self.mean[k].lerp_(v.detach().float(), 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The mean in place of the values, as long as it is entered."""
        kept = {k: v.detach().clone() for k, v in self._live.items()}
        copy_into(self._live, self.mean)
        try:
            yield
        finally:
            copy_into(self._live, kept)


@torch.no_grad()
def copy_into(targets: Tensors, sources: Tensors) -> None:
    """Fill tensors in place from others of the same names."""
    for name, target in targets.items():
        target.copy_(sources[name])


def save_tensors(folder: Path, tensors: Tensors, numbers: dict[str, Any]) -> None:
    """Write `state.safetensors`, beside the old one and then moved over it; numbers go into its metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    save_file(plain, folder / "state.new", metadata={"numbers": json.dumps(numbers)})
    (folder / "state.new").replace(folder / "state.safetensors")


def load_tensors(folder: Path) -> tuple[Tensors, dict[str, Any]]:
    """Undo `save_tensors`."""
    path = folder / "state.safetensors"
    with safe_open(path, "pt") as handle:
        numbers: dict[str, Any] = json.loads(handle.metadata()["numbers"])
    return load_file(path), numbers


def optimizer_tensors(name: str, optimizer: torch.optim.Optimizer) -> Tensors:
    """An optimiser's memory, by names that `restore_optimizer` knows."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer/{name}/{index}/{k}": v for index, slot in state.items() for k, v in slot.items()}


def restore_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Fill an optimiser's memory from `optimizer_tensors`."""
    slots: dict[int, Tensors] = {}
    for k, v in tensors.items():
        if k.startswith(f"optimizer/{name}/"):
            index, slot = k.split("/")[2:]
            slots.setdefault(int(index), {})[slot] = v
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})

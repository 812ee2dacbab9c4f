"""Loading tensors by name, all or nothing: a missing or unexpected tensor is an error that names it. No pickles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from codec.errors import ModelError

_NAMED = 5


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, on the CPU.

    Raises:
        ModelError: it is missing or not safetensors.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"model file {path} is not readable ({exc})") from exc


def load_exact(
    module: nn.Module, tensors: Mapping[str, object], what: str, belongs: Callable[[str], bool] | None = None
) -> None:
    """Fill a module with tensors that must match it in every name and shape; on error nothing is changed.

    Args:
        module: what to fill.
        tensors: name -> tensor, as `state_dict` gives.
        what: how error messages call `tensors`.
        belongs: which of the module's tensors `tensors` must hold; None = all of them. The others are kept.

    Raises:
        ModelError: a tensor is missing, unexpected, of another shape, or not a tensor.
    """
    state = module.state_dict()
    expected = {name: tensor for name, tensor in state.items() if belongs is None or belongs(name)}
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise ModelError(f"{what}: {name!r} is a {type(value).__name__}, expected a tensor")
        found[name] = value
    problems = [
        _listed("missing", sorted(expected.keys() - found.keys())),
        _listed("unexpected", sorted(found.keys() - expected.keys())),
        _listed(
            "of another shape",
            [
                f"{name} {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
                for name, tensor in sorted(expected.items())
                if name in found and found[name].shape != tensor.shape
            ],
        ),
    ]
    if any(problems):
        raise ModelError(f"{what}: {'; '.join(p for p in problems if p)}")
    with torch.no_grad():
        module.load_state_dict({**state, **found}, strict=True)


def _listed(kind: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} tensors {kind} ({', '.join(names[:_NAMED])}{more})"

"""Published checkpoints: pickles, read without running what they ask for."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch

from codec.errors import ModelError

#: What a state dict may be wrapped in, and what `DataParallel` puts before every name.
_WRAPPER, _PARALLEL = "state_dict", "module."


def read_checkpoint(path: Path) -> Mapping[str, object]:
    """The content of a checkpoint.

    Raises:
        ModelError: it is not readable, or holds more than plain tensors and containers.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise ModelError(f"checkpoint {path} is not readable as plain tensors ({reason})") from exc
    if not isinstance(content, Mapping):
        raise ModelError(f"checkpoint {path} holds a {type(content).__name__}, expected named tensors")
    return content


def plain_state(content: Mapping[str, object]) -> Mapping[str, object]:
    """A state dict without what it may be wrapped in: `{"state_dict": ...}`, and a prefix that all names share."""
    inner = content.get(_WRAPPER)
    if set(content) == {_WRAPPER} and isinstance(inner, Mapping):
        content = inner
    if content and all(name.startswith(_PARALLEL) for name in content):
        return {name.removeprefix(_PARALLEL): value for name, value in content.items()}
    return content

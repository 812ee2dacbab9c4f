"""Perceptual terms by name. Those that need downloaded weights say which, and are never silently left out."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
from torch import Tensor

from codec.errors import InputError, ModelError

#: (made, original), float [B, 3, H, W] in [-1, 1] -> one value a picture, float [B]; smaller is better.
Term = Callable[[Tensor, Tensor], Tensor]

#: Terms that pyiqa provides, by our name; "lpips-vgg" is what the TADM paper trains and scores with.
_PYIQA = {"lpips": "lpips", "lpips-vgg": "lpips-vgg", "dists": "dists"}


def perceptual_term(name: str, device: torch.device) -> Term:
    """A perceptual loss.

    Args:
        name: "lpips", "lpips-vgg", "dists" (through pyiqa and its weights), or "module:function" of the user's own with
            the signature of `Term`.
        device: where to run it.

    Raises:
        InputError: no such name or function.
        ModelError: pyiqa or the weights are not on this machine.
    """
    if name in _PYIQA:
        return _from_pyiqa(_PYIQA[name], device)
    module, _, function = name.partition(":")
    try:
        found: Term = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as exc:
        known = ", ".join(_PYIQA)
        raise InputError(f"perceptual term {name!r}: {exc}; known are {known}, or module:function") from exc
    return found


def _from_pyiqa(metric: str, device: torch.device) -> Term:
    try:
        pyiqa = importlib.import_module("pyiqa")
    except ImportError as exc:
        raise ModelError(f"perceptual term {metric!r} needs the package pyiqa, which is not installed ({exc})") from exc
    try:
        loss = pyiqa.create_metric(metric, as_loss=True, device=device)
    except Exception as exc:  # a failed download surfaces as many types
        raise ModelError(f"perceptual term {metric!r}: its weights are not on this machine ({exc})") from exc

    def term(made: Tensor, original: Tensor) -> Tensor:
        value: Tensor = loss(made.add(1).div(2).clamp(0, 1), original.add(1).div(2))
        return value.flatten()

    return term

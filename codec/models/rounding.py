"""Between network values and 8-bit samples: the one rounding step of the codec, outside every network.

The published code quantizes inside its rescaler, in training mode, so inference adds noise instead of rounding. Kept
apart from the networks, rounding cannot depend on a module's mode.
"""

from __future__ import annotations

import torch
from torch import Tensor

_HALF_RANGE = 127.5


def to_uint8(x: Tensor) -> Tensor:
    """8-bit samples of network values: float, any shape, [-1, 1] -> uint8, same shape, [0, 255].

    Values outside [-1, 1] are clamped; halves round to even.
    """
    return ((x.float().clamp(-1.0, 1.0) + 1.0) * _HALF_RANGE).round().to(torch.uint8)


def from_uint8(samples: Tensor) -> Tensor:
    """Network values of 8-bit samples: uint8, any shape, [0, 255] -> float32, same shape, [-1, 1]."""
    return samples.to(torch.float32) / _HALF_RANGE - 1.0

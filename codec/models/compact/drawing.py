"""Building blocks of the compact networks as ONNX graphs; what each computes is in `codec.models.compact.layers`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec.arrays import FloatArray
from codec.models.graph.drawing import Drawing, folded
from codec.models.graph.parts import Part

#: Of LeakyReLU, as in `codec.models.compact.layers`; a test compares the two.
SLOPE = 0.1
#: Pixels of HR per latent cell side.
_CELL = 4


@dataclass(frozen=True)
class Side:
    """One of the values that a convolution sees side by side.

    Attributes:
        value: its name.
        channels: of it.
        fold: the convolution sees it through a space-to-depth by this.
    """

    value: str
    channels: int
    fold: int = 1


def act(d: Drawing, x: str) -> str:
    """LeakyReLU."""
    return d.node("LeakyRelu", x, alpha=SLOPE)


def conv(d: Drawing, part: Part, name: str, x: str, out: int, into: int, kernel: int = 3) -> str:
    """A convolution that keeps height and width."""
    return d.conv(x, *part.conv(name, out, into, kernel), pad=kernel // 2)


def conv_of(d: Drawing, part: Part, name: str, inputs: list[Side], out: int, kernel: int = 3) -> str:
    """A convolution of several values side by side, as a sum of one each.

    Runtimes take other kernels where channels are no multiple of their block, and those round by the size of the piece.

    Args:
        d: what is drawn.
        part: that holds its weights.
        name: of its weights.
        inputs: what it sees.
        out: channels that it gives.
        kernel: its side.
    """
    weight, bias = part.conv(name, out, sum(s.channels * s.fold**2 for s in inputs), kernel)
    total, first = "", 0
    for side in inputs:
        last = first + side.channels * side.fold**2
        cut, pad = folded(weight[:, first:last], side.fold), kernel // 2 * side.fold
        made = d.conv(side.value, cut, bias if first == 0 else None, stride=side.fold, pad=pad)
        total, first = d.node("Add", total, made) if total else made, last
    return total


def res_block(d: Drawing, part: Part, name: str, x: str, width: int) -> str:
    """A value and what two convolutions make of it: x + conv(act(conv(act(x))))."""
    y = conv(d, part, f"{name}.conv1", act(d, x), width, width)
    return d.node("Add", conv(d, part, f"{name}.conv2", act(d, y), width, width), x)


def res_blocks(d: Drawing, part: Part, name: str, x: str, width: int, count: int) -> str:
    """A `nn.Sequential` of residual blocks."""
    for i in range(count):
        x = res_block(d, part, f"{name}.{i}", x, width)
    return x


def bicubic_cells(d: Drawing, lr: str, scale: int) -> str:
    """Space-to-depth by 4 of the bicubic enlargement (a = -0.75) of an LR picture, as one convolution.

    Args:
        d: what is drawn.
        lr: [1, 3, h, w].
        scale: 1, 2, 4, 8, ...

    Returns:
        [1, 48, h*scale/4, w*scale/4].
    """
    taps, reach, stride = _taps(scale)
    grown = d.node("Pad", lr, d.constant(np.array([0, 0, reach, reach] * 2, np.int64)), mode="edge")
    up = max(1, scale // _CELL)
    # a row of the output is cell * 4 + row in the cell; the shuffle takes channels [colour, dy, dx, cell y, cell x]
    rows = taps.reshape(up, _CELL, -1)
    square = np.einsum("iyk,jxl->yxijkl", rows, rows)
    weight = np.zeros((3, _CELL, _CELL, up, up, 3, *square.shape[-2:]), np.float32)
    for colour in range(3):
        weight[colour, ..., colour, :, :] = square
    return d.shuffle(d.conv(grown, weight.reshape(-1, 3, *square.shape[-2:]), stride=stride), up)


def _taps(scale: int) -> tuple[FloatArray, int, int]:
    """Bicubic weights of every row that one step of the convolution gives.

    Returns:
        Float32 [rows, taps], the taps before the first LR pixel of a step, and LR pixels a step.
    """
    stride = max(1, _CELL // scale)
    centres = (np.arange(stride * scale) + 0.5) / scale - 0.5
    reach = 2
    at = np.arange(-reach, stride + reach)
    return _cubic(np.abs(centres[:, None] - at[None])).astype(np.float32), reach, stride


def _cubic(x: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Keys' kernel at distances x, float64."""
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def samples(d: Drawing, x: str) -> str:
    """8-bit samples of network values, as `codec.models.rounding.to_uint8`: [-1, 1] -> uint8."""
    x = d.node("Clip", x, d.number(-1), d.number(1))
    x = d.node("Mul", d.node("Add", x, d.number(1)), d.number(127.5))
    return d.cast(d.node("Round", x))

"""Drawing an ONNX graph: values by name, one call an operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from codec.arrays import FloatArray
from codec.models.graph import proto


class Drawing:
    """A graph being drawn. Values are float32 [1, channels, h, w] unless said otherwise, and known by their names."""

    def __init__(self) -> None:
        self._nodes = list[bytes]()
        self._inputs, self._outputs, self._constants = list[bytes](), list[bytes](), list[bytes]()
        self._count = 0

    def input(self, name: str, channels: int, unit: int = 1) -> str:
        """An input of any height and width.

        Args:
            name: of it.
            channels: of it.
            unit: inputs of one graph with the same unit have the same height and width.
        """
        self._inputs.append(proto.value(name, "float32", (1, channels, f"rows{unit}", f"columns{unit}")))
        return name

    def output(self, name: str, source: str, channels: int, kind: str = "float32") -> None:
        """Let a value leave the graph under a name."""
        self._nodes.append(proto.node("Identity", [source], [name], {}))
        self._outputs.append(proto.value(name, kind, (1, channels, f"{name}_rows", f"{name}_columns")))

    def constant(self, array: npt.NDArray[Any]) -> str:
        """A constant of the graph: float32 or int64."""
        name = self._name()
        self._constants.append(proto.tensor(name, array))
        return name

    def number(self, value: float) -> str:
        """One float32."""
        return self.constant(np.array(value, np.float32))

    def node(self, kind: str, *inputs: str, **attributes: proto.Attribute) -> str:
        """The first output of an operator."""
        name = self._name()
        self._nodes.append(proto.node(kind, inputs, [name], attributes))
        return name

    def conv(self, x: str, weight: FloatArray, bias: FloatArray | None = None, *, stride: int = 1, pad: int = 0) -> str:
        """A convolution: weight [out, in, k, k], bias [out]."""
        inputs = [x, self.constant(weight), *([] if bias is None else [self.constant(bias)])]
        k = weight.shape[-1]
        return self.node("Conv", *inputs, kernel_shape=[k, k], strides=[stride, stride], pads=[pad] * 4)

    def cast(self, x: str) -> str:
        """uint8 of whole numbers in 0..255."""
        return self.node("Cast", x, to=proto.TYPES["uint8"])

    def shuffle(self, x: str, factor: int) -> str:
        """Depth to space, channels of one cell in the order of PyTorch's `pixel_shuffle`: [out, dy, dx]."""
        return x if factor == 1 else self.node("DepthToSpace", x, blocksize=factor, mode="CRD")

    def model(self) -> bytes:
        """The finished graph as an ONNX model."""
        return proto.model(self._nodes, self._inputs, self._outputs, self._constants)

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"


def folded(weight: FloatArray, factor: int) -> FloatArray:
    """A convolution behind PyTorch's `pixel_unshuffle`, as one convolution of that stride.

    Args:
        weight: float32 [out, in * factor^2, k, k].
        factor: of the unshuffle.

    Returns:
        Float32 [out, in, k * factor, k * factor].
    """
    out, _, k, _ = weight.shape
    split = weight.reshape(out, -1, factor, factor, k, k)
    return np.ascontiguousarray(split.transpose(0, 1, 4, 2, 5, 3).reshape(out, -1, k * factor, k * factor))

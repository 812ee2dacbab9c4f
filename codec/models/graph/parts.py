"""The tensors of a model package for graphs: each is taken once, in the network's shape, and none is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from codec.arrays import FloatArray
from codec.errors import ModelError


class Part:
    """One safetensors file of a package, in fp32."""

    def __init__(self, folder: Path, name: str) -> None:
        """Read it.

        Raises:
            ModelError: it is absent or not safetensors.
        """
        self._where = f"model package {folder}: {name}.safetensors"
        path = folder / f"{name}.safetensors"
        if not path.exists():
            raise ModelError(f"{self._where} is missing")
        try:
            self._tensors = {k: v.astype(np.float32) for k, v in load_file(path).items()}
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"{self._where} is not readable ({exc})") from exc

    def take(self, name: str, *shape: int) -> FloatArray:
        """A tensor of this name and shape.

        Raises:
            ModelError: there is none.
        """
        found = self._tensors.pop(name, None)
        if found is None:
            raise ModelError(f"{self._where} does not fit its config (no tensor {name})")
        if found.shape != shape:
            raise ModelError(f"{self._where} does not fit its config ({name} is {found.shape}, expected {shape})")
        return found

    def conv(self, name: str, out: int, into: int, kernel: int) -> tuple[FloatArray, FloatArray]:
        """Weight [out, into, kernel, kernel] and bias [out] of a convolution.

        Raises:
            ModelError: it has none such.
        """
        return self.take(f"{name}.weight", out, into, kernel, kernel), self.take(f"{name}.bias", out)

    def leave(self, prefix: str) -> None:
        """Do without what begins so: it is for other graphs."""
        self._tensors = {name: value for name, value in self._tensors.items() if not name.startswith(prefix)}

    def done(self) -> None:
        """Say that nothing more will be taken.

        Raises:
            ModelError: there is more.
        """
        if self._tensors:
            raise ModelError(f"{self._where} does not fit its config (not known: {', '.join(sorted(self._tensors))})")

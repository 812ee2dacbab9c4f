"""The `sd21` family as the encoder uses it: from a piece of photograph to a piece of LR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from codec.models.device import needing_memory
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.encoding import LrEncoder
from codec.models.sd21.package import load_encoder

PixelArray = npt.NDArray[np.uint8]


class Sd21Writer:
    """VAE encoder and rescaler of one scale, float32: the LR does not depend on a precision.

    Attributes:
        margin: HR pixels around a piece that it should see. Its VAE looks at all it is given, so pieces of a picture
            are near the whole, not equal to it.
    """

    margin = 256

    def __init__(self, encoder: LrEncoder, device: torch.device) -> None:
        self._encoder = encoder.to(device)
        self._device = device

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Sd21Writer:
        """From a model package.

        Raises:
            ModelError: the package or its backbone is incomplete.
        """
        return cls(load_encoder(folder), device)

    @torch.inference_mode()
    def write(self, pixels: PixelArray) -> PixelArray:
        """uint8 [H, W, 3] -> LR, uint8 [ceil(H/scale), ceil(W/scale), 3].

        Raises:
            DeviceMemoryError: the device has too little memory.
        """
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device).permute(2, 0, 1)[None]
        with needing_memory(self._device, "encoding", "take another --device"):
            lr = to_uint8(self._encoder.encode(from_uint8(x)))[0]
        return lr.permute(1, 2, 0).contiguous().cpu().numpy()

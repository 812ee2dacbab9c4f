"""The compact family as the encoder uses it: what the LR of a piece of photograph holds beside its downscale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from codec.models.compact.package import load_first
from codec.models.compact.v1.model import CompactModel
from codec.models.rounding import from_uint8

FloatArray = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]


class CompactWriter:
    """The LR writer of one scale, ready to run; always in fp32 on the CPU, so that a machine always writes one file.

    Attributes:
        halo: HR pixels around a piece that can influence its LR, a multiple of the scale.
    """

    def __init__(self, model: CompactModel, scale: int) -> None:
        self._model, self._scale = model.channels_last_on(torch.device("cpu")), scale
        self.halo = model.writer(scale).halo

    @classmethod
    def load(cls, folder: Path, scale: int) -> CompactWriter:
        """From a model package.

        Raises:
            ModelError: the package is incomplete, or lacks the scale or its writer.
        """
        return cls(load_first(folder, (scale,)), scale)

    @torch.inference_mode()
    def residual(self, hr: PixelArray, quality: int) -> FloatArray:
        """What to add to the downscale of a piece.

        Args:
            hr: uint8 [H, W, 3], sides multiples of the scale.
            quality: of the payload, 0..100, 100 = lossless.

        Returns:
            float32 [H/scale, W/scale, 3], in grey levels.
        """
        pixels = from_uint8(torch.from_numpy(hr.copy())).permute(2, 0, 1)[None]
        residual = self._model.write(pixels, torch.full((1, 1, 1, 1), quality / 100), self._scale)
        out: FloatArray = (residual[0] * 127.5).permute(1, 2, 0).numpy()
        return out

"""TADM as the frozen first pass in training: what it makes of the downscale of a crop."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.models.family import Runtime
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.decoding import Sd21Restorer
from codec.models.sd21.writing import Sd21LrEncoder
from codec.training.coding import downscale, through_payload
from codec.training.tudsr.config import TudsrStageConfig


class FrozenTadm:
    """Both ways of a TADM package. It writes the LR itself, so that the LR's only other change is the payload's."""

    def __init__(self, folder: Path, stage: TudsrStageConfig, device: torch.device) -> None:
        """From a package, for a stage that trains the second pass.

        Raises:
            InputError: the stage's degradation makes the LR itself.
            ModelError: the package or its backbone is incomplete or not what it was.
        """
        if stage.degradation == "realesrgan":
            raise InputError("degradation is 'realesrgan', but a first pass of TADM makes its own LR")
        self._stage, runtime = stage, Runtime(device=str(device))
        self._encoder, self._restorer = Sd21LrEncoder.load(folder, runtime), Sd21Restorer.load(folder, runtime)

    def __call__(self, hr: Tensor, rng: torch.Generator) -> Tensor:
        """Pictures as the second pass is to enlarge them.

        Args:
            hr: float [B, 3, H, W] in [-1, 1]; the sides over the stage's factor are multiples of 64.
            rng: of the payload's qualities, on the CPU.

        Returns:
            Float [B, 3, H/factor, W/factor] in [-1, 1], 8-bit values.
        """
        lr = torch.cat([_tensor(self._encoder.write(x), hr) for x in _arrays(downscale(hr, self._stage.factor))])
        if self._stage.degradation == "payload":
            low, high = self._stage.qualities
            quality = torch.randint(low, high + 1, (len(hr), 1, 1, 1), generator=rng) / 100
            lr = through_payload(lr, quality.to(hr.device))
        return torch.cat([_tensor(self._restorer.restore(x)[0], hr) for x in _arrays(lr)])


def _tensor(pixels: PixelArray, like: Tensor) -> Tensor:
    return from_uint8(torch.from_numpy(pixels).to(like.device).permute(2, 0, 1)[None])


def _arrays(x: Tensor) -> list[PixelArray]:
    return list(to_uint8(x).permute(0, 2, 3, 1).cpu().numpy())

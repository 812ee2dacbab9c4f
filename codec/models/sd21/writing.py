"""The `sd21` family's way down: VAE encoder and rescaler over a photograph, in pieces where it is large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from codec.arrays import PixelArray, crop, place
from codec.geometry import Box, Size, lr_size
from codec.image.rows_in import RowSource
from codec.models.device import needing_memory, resolve_device
from codec.models.family import Runtime
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.encoding import LrEncoder
from codec.models.sd21.package import load_encoder
from codec.tiling.blocks import blocks

#: Pictures up to so many pixels a side squared are rescaled whole, larger ones in squares of this side.
_SIDE = 2048
#: HR pixels around a square that it should see. The VAE looks at all it is given, so squares of a picture are near the
#: whole, not equal to it.
_MARGIN = 256


class Sd21LrEncoder:
    """See `codec.models.family.LrEncoder`; float32 throughout, since the LR must not depend on a precision."""

    def __init__(self, encoder: LrEncoder, device: torch.device) -> None:
        self._encoder, self._device = encoder.to(device), device

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> Sd21LrEncoder:
        """From a model package.

        Raises:
            ModelError: the package or its backbone is incomplete, or the device is not here.
        """
        return cls(load_encoder(folder), resolve_device(runtime.device))

    def told(self, quality: int) -> int | None:
        """See `codec.models.family.LrEncoder.told`."""
        return None

    def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
        """See `codec.models.family.LrEncoder.strips`; the rescaler does not look at the quality."""
        hr, scale = rows.size, self._encoder.scale
        size = lr_size(hr, scale)
        held, first = np.empty((0, hr.width, 3), np.uint8), 0
        for top in range(0, size.height, height):
            bottom = min(top + height, size.height)
            missing = min(bottom * scale + _MARGIN, hr.height) - first - len(held)
            held = np.concatenate([held, rows.read(max(0, missing))])
            out = np.empty((bottom - top, size.width, 3), np.uint8)
            box = Box(0, top * scale - first, hr.width, min(bottom * scale, hr.height) - top * scale)
            for block in blocks(Size(hr.width, len(held)), box, side=_SIDE, halo=_MARGIN, whole_pixels=_SIDE**2):
                core, reach = block.core, block.reach
                part = lr_size(Size(core.width, core.height), scale)
                inner = Box((core.x - reach.x) // scale, (core.y - reach.y) // scale, part.width, part.height)
                place(out, crop(self.write(crop(held, reach)), inner), core.x // scale, (core.y - box.y) // scale)
            yield out
            keep = max(0, bottom * scale - _MARGIN - first)
            held, first = held[keep:], first + keep

    @torch.inference_mode()
    def write(self, pixels: PixelArray) -> PixelArray:
        """uint8 [H, W, 3] -> LR, uint8 [ceil(H/scale), ceil(W/scale), 3].

        Raises:
            DeviceMemoryError: the device has too little memory.
        """
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device).permute(2, 0, 1)[None]
        with needing_memory(self._device, "encoding"):
            lr = to_uint8(self._encoder.encode(from_uint8(x)))[0]
        return lr.permute(1, 2, 0).contiguous().cpu().numpy()

"""Random training crops from a crop store, drawn on the device that trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.errors import InputError
from codec.geometry import TIMESTEP_TILE

#: Crops begin on multiples of so many pixels, so that edges of tiles and of JPEG blocks of the sources fall alike.
_GRID = 16


class CropStore:
    """A crop store held as uint8, in main memory or on the GPU (2 GB for 3,500 squares of 448 px).

    Attributes:
        groups: squares of one side each, uint8 [N, side, side, 3].
    """

    def __init__(self, folder: Path, *, device: torch.device, holdout: bool = False) -> None:
        prefix = "holdout_" if holdout else ""
        paths = sorted(folder.glob(f"{prefix}hr_*.npy"))
        if not paths:
            raise InputError(f"{folder}: no crop store; make one with `python tools/train.py prepare`")
        self.groups = [torch.from_numpy(np.load(path, allow_pickle=False)).to(device) for path in paths]
        sizes = torch.tensor([float(g.shape[0] * g.shape[1] ** 2) for g in self.groups])
        self._weights = sizes / sizes.sum()

    def __len__(self) -> int:
        return sum(g.shape[0] for g in self.groups)

    def sample(self, batch: int, crop: int, rng: torch.Generator) -> Tensor:
        """Random squares, positions and flips, float [batch, 3, crop, crop] in [-1, 1]. `rng` is a CPU generator."""
        crops = []
        for pick, index, y, x in self.places(batch, crop, rng):
            flip = int(torch.randint(8, (1,), generator=rng))
            crops.append(_turn(self.groups[pick][index, y : y + crop, x : x + crop], flip))
        return pictures_of(torch.stack(crops))

    def places(self, batch: int, crop: int, rng: torch.Generator) -> list[tuple[int, int, int, int]]:
        """Random places of crops: group, square, top and left, multiples of 16.

        Raises:
            InputError: the crop is larger than a square.
        """
        smallest = min(g.shape[1] for g in self.groups)
        if crop > smallest:
            raise InputError(f"crop is {crop}, the store's squares are as small as {smallest}")
        places = []
        for pick in torch.multinomial(self._weights, batch, replacement=True, generator=rng).tolist():
            n, side = self.groups[pick].shape[:2]
            index = int(torch.randint(n, (1,), generator=rng))
            y, x = (int(torch.randint((side - crop) // _GRID + 1, (1,), generator=rng)) * _GRID for _ in range(2))
            places.append((pick, index, y, x))
        return places

    def fixed(self, count: int, *, crop: int) -> Tensor:
        """The first `count` squares of the largest group, top-left at most `crop` px; as `sample` gives them."""
        group = max(self.groups, key=lambda g: g.shape[1])
        crop = min(crop, group.shape[1] // TIMESTEP_TILE * TIMESTEP_TILE)
        return pictures_of(group[:count, :crop, :crop])


def _turn(x: Tensor, flip: int) -> Tensor:
    """One of the eight symmetries of the square, [H, W, C]."""
    if flip & 1:
        x = x.flip(0)
    if flip & 2:
        x = x.flip(1)
    return x.transpose(0, 1) if flip & 4 else x


def pictures_of(x: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1]."""
    return x.permute(0, 3, 1, 2).float().div(127.5).sub(1)

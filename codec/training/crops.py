"""Random training crops from a crop store, drawn on the device that trains; with their coded LR where it lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from codec.errors import InputError
from codec.geometry import TIMESTEP_TILE
from codec.training.masks import CELL, mask_path

#: Crops begin on multiples of so many pixels, so that edges of tiles and of JPEG blocks of the sources fall alike.
_GRID = 16


@dataclass(frozen=True)
class Place:
    """Where a crop lies: group of squares, square, top, left, and which of the eight symmetries it is turned by."""

    group: int
    index: int
    y: int
    x: int
    turn: int


class CropStore:
    """A crop store held as uint8, in main memory or on the GPU (2 GB for 3,500 squares of 448 px).

    Attributes:
        groups: squares of one side each, uint8 [N, side, side, 3].
        paths: their files.
    """

    def __init__(self, folder: Path, *, device: torch.device, holdout: bool = False) -> None:
        """Load it.

        Raises:
            InputError: there is none.
        """
        prefix = "holdout_" if holdout else ""
        self.paths = sorted(folder.glob(f"{prefix}hr_*.npy"))
        if not self.paths:
            raise InputError(f"{folder}: no crop store; make one with `tadmc train prepare`")
        self.groups = [torch.from_numpy(np.load(path, allow_pickle=False)).to(device) for path in self.paths]
        sizes = torch.tensor([float(g.shape[0] * g.shape[1] ** 2) for g in self.groups])
        self._weights = sizes / sizes.sum()

    def __len__(self) -> int:
        return sum(g.shape[0] for g in self.groups)

    def sample(self, batch: int, crop: int, rng: torch.Generator) -> Tensor:
        """Random squares, positions and flips, float [batch, 3, crop, crop] in [-1, 1]. `rng` is a CPU generator."""
        return pictures_of(torch.stack([self.cut(place, crop) for place in self.places(batch, crop, rng)]))

    def cut(self, place: Place, crop: int) -> Tensor:
        """One crop, uint8 [crop, crop, 3]."""
        square = self.groups[place.group][place.index]
        return turned(square[place.y : place.y + crop, place.x : place.x + crop], place.turn)

    def places(self, batch: int, crop: int, rng: torch.Generator, *, grid: int = _GRID) -> list[Place]:
        """Random places of crops, top and left multiples of `grid`; squares too small for the crop are left out.

        Raises:
            InputError: the crop is larger than every square.
        """
        fits = torch.tensor([float(g.shape[1] >= crop) for g in self.groups])
        if not fits.any():
            raise InputError(f"crop is {crop}, the store's squares end at {max(g.shape[1] for g in self.groups)}")
        places = []
        for group in torch.multinomial(self._weights * fits, batch, replacement=True, generator=rng).tolist():
            n, side = self.groups[group].shape[:2]
            index = int(torch.randint(n, (1,), generator=rng))
            y, x = (int(torch.randint((side - crop) // grid + 1, (1,), generator=rng)) * grid for _ in range(2))
            places.append(Place(group, index, y, x, int(torch.randint(8, (1,), generator=rng))))
        return places

    def fixed(self, count: int, *, crop: int) -> Tensor:
        """The first `count` squares of the largest group, top-left at most `crop` px; as `sample` gives them."""
        group = max(self.groups, key=lambda g: g.shape[1])
        crop = min(crop, group.shape[1] // TIMESTEP_TILE * TIMESTEP_TILE)
        return pictures_of(group[:count, :crop, :crop])


class Pairs(NamedTuple):
    """A batch: HR float [B, 3, crop, crop] and LR float [B, 3, crop/scale, crop/scale], both in [-1, 1]; payload
    qualities / 100, float [B, 1, 1, 1]; and where faces and text are, float [B, 1, crop/8, crop/8] of 0 and 1, all 0
    where the store has no masks.
    """

    hr: Tensor
    lr: Tensor
    quality: Tensor
    masked: Tensor


class CodedPairs:
    """Crops and the LR pictures of their squares, coded beforehand (`codec.training.store.code`) at several qualities.

    An LR is cut out of that of its whole square: near what coding the crop alone would give, and what a decoder meets,
    whose pictures are larger than crops.
    """

    def __init__(
        self, folder: Path, scale: int, *, device: torch.device, holdout: bool = False, crops: CropStore | None = None
    ) -> None:  # fmt: skip
        """Load them.

        Args:
            folder: crop store.
            scale: HR/LR ratio.
            device: that keeps them.
            holdout: those that are kept out of training.
            crops: the squares, where they are loaded already.

        Raises:
            InputError: there is no crop store, or no LR pictures of this scale, or they are of other squares.
        """
        self.crops, self.scale = crops or CropStore(folder, device=device, holdout=holdout), scale
        self._lr, self._quality = [], []
        masks = [mask_path(path) for path in self.crops.paths]
        self._masks = [np.load(m, allow_pickle=False) for m in masks] if all(m.exists() for m in masks) else []
        for path, squares in zip(self.crops.paths, self.crops.groups, strict=True):
            lr, quality = (path.with_name(path.name.replace("hr_", f"{kind}{scale}_")) for kind in ("lr", "quality"))
            side = squares.shape[1] // scale
            if not (lr.exists() and quality.exists()):
                raise InputError(f"{lr}: missing; make it with `tadmc train code --scale {scale}`")
            pictures = np.load(lr, allow_pickle=False)
            if pictures.shape[:1] + pictures.shape[2:] != (len(squares), side, side, 3):
                raise InputError(f"{lr}: not the LR pictures of the squares beside it; make them anew")
            self._lr.append(torch.from_numpy(pictures).to(device))
            self._quality.append(torch.from_numpy(np.load(quality, allow_pickle=False)))

    def sample(self, batch: int, crop: int, rng: torch.Generator) -> Pairs:
        """Crops of random squares, at random places, turned at random. `rng` is a CPU generator."""
        hr, lr, quality, masked = [], [], [], []
        for place in self.crops.places(batch, crop, rng, grid=max(_GRID, self.scale)):
            which = int(torch.randint(self._quality[place.group].shape[1], (1,), generator=rng))
            hr.append(self.crops.cut(place, crop))
            y, x, side = place.y // self.scale, place.x // self.scale, crop // self.scale
            small = self._lr[place.group][place.index, which, y : y + side, x : x + side]
            lr.append(turned(small, place.turn))
            quality.append(float(self._quality[place.group][place.index, which]) / 100)
            masked.append(self._mask(place, crop))
        device = self.crops.groups[0].device
        return Pairs(
            pictures_of(torch.stack(hr)),
            pictures_of(torch.stack(lr)),
            torch.tensor(quality, device=device).view(-1, 1, 1, 1),
            torch.stack(masked).to(device),
        )

    def _mask(self, place: Place, crop: int) -> Tensor:
        y, x, side = place.y // CELL, place.x // CELL, crop // CELL
        if not self._masks:
            return torch.zeros(1, side, side)
        square = torch.from_numpy(self._masks[place.group][place.index])
        return turned(square[y : y + side, x : x + side, None], place.turn).permute(2, 0, 1).float()

    def fixed(self, count: int, which: int) -> tuple[Tensor, Tensor, Tensor]:
        """The first squares of the largest group at their `which`-th quality, whole, in the form of `sample`."""
        group = max(range(len(self.crops.groups)), key=lambda g: self.crops.groups[g].shape[1])
        side = self.crops.groups[group].shape[1] // TIMESTEP_TILE * TIMESTEP_TILE
        hr = pictures_of(self.crops.groups[group][:count, :side, :side])
        lr = pictures_of(self._lr[group][:count, which, : side // self.scale, : side // self.scale])
        quality = self._quality[group][:count, which].float() / 100
        return hr, lr, quality.view(-1, 1, 1, 1).to(hr.device)

    @property
    def qualities(self) -> int:
        """LR pictures a square."""
        return int(self._quality[0].shape[1])


def turned(x: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of the square, [H, W, C]."""
    if turn & 1:
        x = x.flip(0)
    if turn & 2:
        x = x.flip(1)
    return x.transpose(0, 1) if turn & 4 else x


def pictures_of(x: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1], in the memory layout that convolutions are fastest in."""
    return x.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)

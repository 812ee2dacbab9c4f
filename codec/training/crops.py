"""Random training crops from a crop store, drawn on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.errors import InputError
from codec.geometry import TIMESTEP_TILE


@dataclass(frozen=True)
class Batch:
    """A training batch at one scale.

    Attributes:
        hr: float [B, 3, crop, crop] in [-1, 1].
        lr: float [B, 3, crop/scale, crop/scale] in [-1, 1], after its payload.
        quality: float [B, 1, 1, 1], payload quality / 100.
        scale: HR/LR ratio.
    """

    hr: Tensor
    lr: Tensor
    quality: Tensor
    scale: int


class CropStore:
    """A crop store held as uint8, in main memory or on the GPU (2 GB for 3,500 squares of 448 px)."""

    def __init__(self, folder: Path, *, scales: tuple[int, ...], device: torch.device, holdout: bool = False) -> None:
        prefix = "holdout_" if holdout else ""
        self._device = device
        self._groups: list[dict[str, Tensor]] = []
        for path in sorted(folder.glob(f"{prefix}hr_*.npy")):
            side = path.stem.rsplit("_", 1)[1]
            group = {}
            for key in ["hr", *[f"{k}{s}" for s in scales for k in ("lr", "quality")]]:
                file = folder / f"{prefix}{key}_{side}.npy"
                if not file.exists():
                    raise InputError(f"{file}: missing; prepare the store with the scales {scales}")
                group[key] = torch.from_numpy(np.load(file, allow_pickle=False)).to(device)
            self._groups.append(group)
        if not self._groups:
            raise InputError(f"{folder}: no crop store; make one with `python tools/train.py prepare`")
        sizes = torch.tensor([float(g["hr"].shape[0] * g["hr"].shape[1] ** 2) for g in self._groups])
        self._weights = sizes / sizes.sum()

    def __len__(self) -> int:
        return sum(g["hr"].shape[0] for g in self._groups)

    def variants(self, scale: int) -> int:
        """Coded LR pictures a square."""
        return int(self._groups[0][f"quality{scale}"].shape[1])

    def sample(self, batch: int, crop: int, scale: int, rng: torch.Generator) -> Batch:
        """Random squares, positions, coded variants and flips. `rng` is a CPU generator."""
        picks = torch.multinomial(self._weights, batch, replacement=True, generator=rng).tolist()
        hrs, lrs, qualities = [], [], []
        for pick in picks:
            group = self._groups[pick]
            n, side = group["hr"].shape[:2]
            variants = group[f"lr{scale}"].shape[1]
            index, variant, flip = (int(torch.randint(k, (1,), generator=rng)) for k in (n, variants, 8))
            # LR pixels and 16 px cells stay aligned with the crop
            grid = max(scale, 16)
            y, x = (int(torch.randint((side - crop) // grid + 1, (1,), generator=rng)) * grid for _ in range(2))
            hr = group["hr"][index, y : y + crop, x : x + crop]
            s, c = scale, crop // scale
            lr = group[f"lr{scale}"][index, variant, y // s : y // s + c, x // s : x // s + c]
            hrs.append(_turn(hr, flip))
            lrs.append(_turn(lr, flip))
            qualities.append(group[f"quality{scale}"][index, variant])
        quality = torch.stack(qualities).float().view(-1, 1, 1, 1) / 100
        return Batch(hr=_to_float(torch.stack(hrs)), lr=_to_float(torch.stack(lrs)), quality=quality, scale=scale)

    def fixed(self, count: int, scale: int, *, crop: int, variant: int) -> Batch:
        """The first `count` squares of the largest group, top-left at most `crop` px, one coded variant."""
        group = max(self._groups, key=lambda g: g["hr"].shape[1])
        crop = min(crop, group["hr"].shape[1] // TIMESTEP_TILE * TIMESTEP_TILE)
        hr = group["hr"][:count, :crop, :crop]
        lr = group[f"lr{scale}"][:count, variant, : crop // scale, : crop // scale]
        quality = group[f"quality{scale}"][:count, variant].float().view(-1, 1, 1, 1) / 100
        return Batch(hr=_to_float(hr), lr=_to_float(lr), quality=quality, scale=scale)


def _turn(x: Tensor, flip: int) -> Tensor:
    """One of the eight symmetries of the square, [H, W, C]."""
    if flip & 1:
        x = x.flip(0)
    if flip & 2:
        x = x.flip(1)
    return x.transpose(0, 1) if flip & 4 else x


def _to_float(x: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1]."""
    return x.permute(0, 3, 1, 2).float().div(127.5).sub(1)

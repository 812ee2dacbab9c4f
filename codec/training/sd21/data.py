"""Crops with their latents: encoded as they are drawn, or once for all squares of a crop store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.errors import InputError
from codec.models.sd21.geometry import LATENT_CELL
from codec.models.sd21.vae import LatentCodec
from codec.training.crops import CropStore, pictures_of


def precompute_latents(
    store: Path, latent_codec: LatentCodec, device: torch.device, on_progress: Callable[[int], None] = lambda _: None
) -> None:
    """Encode every square of a crop store, once: `z_<side>.npy`, float16 [N, 4, side/8, side/8], scaling factor in it.

    A latent of a crop is later cut out of its square's: near what encoding the crop alone would give, and what a
    decoder meets, whose pictures are larger than crops.
    """
    for path in sorted(store.glob("hr_*.npy")):
        squares = np.load(path, mmap_mode="r", allow_pickle=False)
        latents = []
        for number, square in enumerate(squares, 1):
            x = pictures_of(torch.from_numpy(square.copy())[None]).to(device)
            with torch.no_grad():
                latents.append(latent_codec.encode(x)[0].half().cpu().numpy())
            on_progress(number)
        np.save(store / path.name.replace("hr_", "z_"), np.stack(latents))


class LatentPairs:
    """Random crops and their latents from a crop store, on the device that trains."""

    def __init__(self, folder: Path, latent_codec: LatentCodec, device: torch.device) -> None:
        """Open the store; latents that lie in it are used, and must then be there for every size of square.

        Raises:
            InputError: there is no crop store, or its latents are not of its squares.
        """
        self._crops, self._codec = CropStore(folder, device=device), latent_codec
        self._latents: list[Tensor] | None = None
        paths = [p.with_name(p.name.replace("hr_", "z_")) for p in sorted(folder.glob("hr_*.npy"))]
        if any(p.exists() for p in paths):
            self._latents = [_latents(p, len(g), g.shape[1]) for p, g in zip(paths, self._crops.groups, strict=True)]

    def sample(self, batch: int, crop: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Float [batch, 3, crop, crop] in [-1, 1], and their latents times the scaling factor, float32.

        Precomputed latents cannot be turned, so that crops are not either where they are used.
        """
        if self._latents is None:
            x = self._crops.sample(batch, crop, rng)
            with torch.no_grad():
                return x, self._codec.encode(x)
        crops, latents = [], []
        for at in self._crops.places(batch, crop, rng):
            crops.append(self._crops.cut(replace(at, turn=0), crop))
            v, u, side = at.y // LATENT_CELL, at.x // LATENT_CELL, crop // LATENT_CELL
            latents.append(self._latents[at.group][at.index, :, v : v + side, u : u + side])
        pictures = pictures_of(torch.stack(crops))
        return pictures, torch.stack(latents).to(pictures.device).float()


def _latents(path: Path, count: int, side: int) -> Tensor:
    expected = (count, 4, side // LATENT_CELL, side // LATENT_CELL)
    latents = np.load(path, allow_pickle=False) if path.exists() else None
    if latents is None or latents.shape != expected:
        raise InputError(f"{path}: not the latents of the squares beside it; make them anew with the command `latents`")
    return torch.from_numpy(latents)

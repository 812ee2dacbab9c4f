"""Running the backbone's networks in the memory there is: fewer tiles at a time, the VAE's decoder in strips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from codec.errors import DeviceMemoryError
from codec.models.device import needing_memory
from codec.models.sd21.geometry import vae_plan
from codec.models.sd21.tiles import run_tiles
from codec.models.sd21.vae import LatentCodec

#: Latent cells of a VAE tile above which its decoder runs in strips, and values a strip then holds, tried in order.
_WHOLE_CELLS = 160**2
_STRIPS = (2**25, 2**22)
#: Denoiser tiles that run together at first.
_BATCH = {"cpu": 1, "cuda": 16}
_T = TypeVar("_T")


def first_batch(device: torch.device) -> int:
    """Denoiser tiles to run together at first."""
    return _BATCH.get(device.type, 4)


def with_less(batch: int, device: torch.device, run: Callable[[int], _T]) -> _T:
    """Run something with as many tiles at a time as memory holds: the batch changes nothing but rounding.

    Args:
        batch: tiles to begin with.
        device: where it runs.
        run: given the number of tiles.

    Raises:
        DeviceMemoryError: there is too little memory even for one.
    """
    while True:
        try:
            with needing_memory(device, "one tile of the denoiser"):
                return run(batch)
        except DeviceMemoryError:
            if batch == 1:
                raise
        batch //= 2


def pixels_of(codec: LatentCodec, z0: Tensor) -> Tensor:
    """Latent -> pixels by the tiles of `format_spec.md`, section 9.4: whole tiles where they are small, else in strips
    as thick as memory holds.

    Args:
        codec: with its decoder.
        z0: times the scaling factor, float [B, 4, h, w].

    Returns:
        Float [B, 3, 8h, 8w] in [-1, 1].

    Raises:
        DeviceMemoryError: there is too little memory even for the thinnest strips.
    """
    plan = vae_plan(z0.shape[2], z0.shape[3])
    choices = (None, *_STRIPS) if plan.tile_height * plan.tile_width <= _WHOLE_CELLS else _STRIPS
    for strip in choices:
        try:
            with needing_memory(z0.device, "the VAE's decoder in strips"):
                return run_tiles(z0, plan, 1, partial(_decode_tiles, codec, strip))
        except DeviceMemoryError:
            if strip == choices[-1]:
                raise
    raise AssertionError  # the loop ends by return or raise


def _decode_tiles(codec: LatentCodec, strip: int | None, tiles: Tensor, numbers: slice) -> Tensor:
    return codec.decode(tiles, strip)

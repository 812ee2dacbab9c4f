"""TADSR put together: an enlarged LR -> latent -> one denoising step at t_s -> photograph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.arrays import Progress
from codec.geometry import Box, Size, moved
from codec.models.sd21.denoiser import Denoiser
from codec.models.sd21.geometry import LATENT_CELL
from codec.models.sd21.one_step import FORMS
from codec.models.sd21.tiles import run_tiles
from codec.models.sd21.vae import LatentCodec
from codec.models.tadsr.config import TadsrConfig
from codec.models.tadsr.time_encoder import PlainEncoder, TimeAwareEncoder
from codec.tiling.blocks import blocks
from codec.tiling.window import BlendPlan

#: Pictures of at most so many pixels a side squared are encoded whole, larger ones in squares of this side that see so
#: many pixels around them.
SIDE, MARGIN = 2048, 256


@dataclass(frozen=True)
class Restored:
    """What one pass gives.

    Attributes:
        z: latent of the enlarged LR, times the scaling factor, float [B, 4, h, w].
        z0: after the denoising step, likewise.
        x_hat: pixels, float [B, 3, 8h, 8w] in [-1, 1].
    """

    z: Tensor
    z0: Tensor
    x_hat: Tensor


class TadsrPipeline(nn.Module):
    """The student of TADSR (Eq. 4) for one scale: encoder and denoiser see the same timestep t_s, which is the dial.

    enlarged LR -> encoder(t_s) -> z_L -> [a tile: denoiser(t_s) -> prediction] -> blend -> one step -> z0 -> pixels
    """

    alphas_cumprod: Tensor

    def __init__(
        self, *, config: TadsrConfig, encoder: TimeAwareEncoder | PlainEncoder, denoiser: Denoiser,
        alphas_cumprod: Tensor,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config, self.encoder, self.denoiser = config, encoder, denoiser
        self.latent_codec = LatentCodec(encoder.vae)
        self.register_buffer("alphas_cumprod", alphas_cumprod.float(), persistent=False)

    @property
    def scale(self) -> int:
        """HR/LR ratio."""
        return self.config.scale

    def place(self, device: torch.device, dtype: torch.dtype) -> TadsrPipeline:
        """Move to a device, in place; networks take `dtype` (float32, bfloat16), the noise schedule stays float32."""
        self.to(device)
        self.denoiser.to(dtype=dtype)
        self.encoder.to(dtype=dtype)
        return self

    def compile_networks(self) -> None:
        """Compile U-Net and VAE decoder, in place."""
        for network in (self.denoiser.unet, self.latent_codec.vae.decoder):
            network.to(memory_format=torch.channels_last)
            network.compile(fullgraph=True, dynamic=False)

    def encode(self, x: Tensor, t_s: int) -> Tensor:
        """Pixels -> z_L; large pictures in squares, near the whole and not equal to it.

        Args:
            x: the enlarged LR, float [B, 3, H, W] in [-1, 1], sides multiples of 64.
            t_s: timestep, 0..999.

        Returns:
            z_L times the scaling factor, float32 [B, 4, H/8, W/8].
        """
        time = torch.full((len(x),), t_s, device=x.device)
        size = Size(x.shape[3], x.shape[2])
        z = x.new_empty(len(x), 4, size.height // LATENT_CELL, size.width // LATENT_CELL, dtype=torch.float32)
        for block in blocks(size, Box(0, 0, size.width, size.height), side=SIDE, halo=MARGIN, whole_pixels=SIDE**2):
            inner = _cells(moved(block.core, -block.reach.x, -block.reach.y))
            part = self.encoder(x[_at(block.reach)], time)
            z[_at(_cells(block.core))] = part[_at(inner)]
        return z

    def predict(
        self, z: Tensor, t_s: int, plan: BlendPlan | None, *, batch: int = 4, progress: Progress | None = None
    ) -> Tensor:
        """What the U-Net says of every tile at t_s, blended: float [B, 4, h, w] -> the same shape."""

        def step(tiles: Tensor, _: slice) -> Tensor:
            return self.denoiser(tiles, torch.full((len(tiles),), t_s, device=tiles.device))

        return run_tiles(z, plan, batch, step, progress)

    def step(self, z: Tensor, prediction: Tensor, t_s: int) -> Tensor:
        """z0 of a prediction, in the form that the package was trained with."""
        return FORMS[self.config.one_step](z, prediction, self.alphas_cumprod[t_s])

    @torch.no_grad()
    def restore(self, x: Tensor, t_s: int, plan: BlendPlan | None = None, *, batch: int = 4) -> Restored:
        """One pass over enlarged pictures, float [B, 3, H, W] in [-1, 1], sides multiples of 64."""
        z = self.encode(x, t_s)
        z0 = self.step(z, self.predict(z, t_s, plan, batch=batch), t_s)
        return Restored(z=z, z0=z0, x_hat=self.latent_codec.decode(z0))


def _cells(box: Box) -> Box:
    return Box(box.x // LATENT_CELL, box.y // LATENT_CELL, box.width // LATENT_CELL, box.height // LATENT_CELL)


def _at(box: Box) -> tuple[slice, slice, slice, slice]:
    return slice(None), slice(None), slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)

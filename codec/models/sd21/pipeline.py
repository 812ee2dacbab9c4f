"""The `sd21` family put together: pixels -> LR, and LR -> pixels with one denoising step a tile."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.arrays import Progress
from codec.errors import InputError
from codec.geometry import Size, lr_size
from codec.models.sd21.config import Conventions
from codec.models.sd21.denoiser import Denoiser
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.encoding import LrEncoder, check_pictures, extend, taken_latent
from codec.models.sd21.geometry import LATENT_CELL, latent_size
from codec.models.sd21.predictor import FixedTimestep, TimestepPredictor
from codec.models.sd21.scheduler import FixedScheduler
from codec.models.sd21.tiles import run_tiles, tile_batches
from codec.models.sd21.vae import LatentCodec
from codec.tiling.window import BlendPlan

#: The U-Net halves a tile three times.
_TILE_MULTIPLE = 8


@dataclass(frozen=True)
class Reconstruction:
    """What decoding gives.

    Attributes:
        z_hat: latent of the padded picture before denoising, *not* times the scaling factor, float [B, 4, h, w].
        t: timestep a tile, float [B, rows, columns] of the tile grid.
        z0: latent after denoising and blending, times the scaling factor, float [B, 4, h, w].
        x_hat: pixels, float [B, 3, H, W] in [-1, 1].
    """

    z_hat: Tensor
    t: Tensor
    z0: Tensor
    x_hat: Tensor


class Sd21Pipeline(nn.Module):
    """The published TADM for one scale.

        encode:  x -> pad -> latent codec -> z -> rescaler down -> LR (float)
        decode:  LR -> rescaler up -> z_hat -> [a tile: predictor -> t; denoiser -> eps; scheduler -> z0] -> blend
                    -> latent codec -> x_hat -> crop

    `codec.models.rounding` belongs between the two.
    """

    def __init__(
        self,
        *,
        latent_codec: LatentCodec,
        rescaler: Rescaler,
        predictor: TimestepPredictor | FixedTimestep,
        denoiser: Denoiser,
        scheduler: FixedScheduler,
        conventions: Conventions | None = None,
    ) -> None:
        super().__init__()
        self.conventions = conventions or Conventions()
        self.latent_codec = latent_codec
        self.rescaler = rescaler
        self.predictor = predictor
        self.denoiser = denoiser
        self.scheduler = scheduler
        self.compiled = False

    @property
    def scale(self) -> int:
        """HR/LR ratio."""
        return self.rescaler.config.scale

    def place(self, device: torch.device, dtype: torch.dtype) -> Sd21Pipeline:
        """Move to a device, in place. U-Net and VAE decoder take `dtype` (float32, bfloat16); all else stays float32.

        The rescaler in particular: its inverse divides by what it multiplied by, which half precision does not undo.
        """
        self.to(device, torch.float32)
        self.denoiser.to(dtype=dtype)
        self.latent_codec.place(device, dtype)
        return self

    def compile_networks(self) -> None:
        """Compile U-Net and VAE decoder, in place; on CUDA as CUDA graphs, which replay one shape without overhead."""
        mode = "reduce-overhead" if self.denoiser.prompt.is_cuda else None
        for network in (self.denoiser.unet, self.latent_codec.vae.decoder):
            network.to(memory_format=torch.channels_last)
            network.compile(fullgraph=True, dynamic=False, mode=mode)
        self.compiled = True

    @property
    def lr_encoder(self) -> LrEncoder:
        """The way down, on the same networks."""
        return LrEncoder(self.latent_codec, self.rescaler, self.conventions)

    def encode_padded(self, x: Tensor) -> Tensor:
        """See `LrEncoder.encode_padded`."""
        return self.lr_encoder.encode_padded(x)

    def encode(self, x: Tensor) -> Tensor:
        """See `LrEncoder.encode`."""
        return self.lr_encoder.encode(x)

    @torch.no_grad()
    def read(self, lr: Tensor) -> Tensor:
        """z_hat of an LR whose sides are multiples of 64 / scale: float [B, 3, h, w] -> [B, 4, h*scale/8, w*scale/8].

        It is not times the scaling factor.
        """
        return taken_latent(self.conventions, self.rescaler.up(lr.float()), self.latent_codec.scaling_factor)

    def for_predictor(self, z_hat: Tensor) -> Tensor:
        """z_hat, not times the scaling factor, as the timestep predictor takes it."""
        return z_hat * self.latent_codec.scaling_factor if self.conventions.predictor_in == "scaled" else z_hat

    @torch.no_grad()
    def predict(self, z_hat: Tensor, plan: BlendPlan | None, *, batch: int = 4) -> Tensor:
        """The timestep of every tile.

        Args:
            z_hat: as `read` gives it, float [B, 4, h, w].
            plan: tiles of h x w; None = one tile.
            batch: tiles that run together.

        Returns:
            t, float [B, rows, columns] of the tile grid, in [10, 200].

        Raises:
            InputError: the plan does not fit the latent.
        """
        seen = self.for_predictor(z_hat)
        t = torch.cat([self.predictor(tiles) for tiles, _, _ in tile_batches(seen, plan, batch)])
        return t.reshape(_grid_shape(z_hat, plan))

    @torch.no_grad()
    def denoise(
        self,
        z_hat: Tensor,
        t: Tensor,
        plan: BlendPlan | None,
        *,
        batch: int = 4,
        progress: Progress | None = None,
    ) -> Tensor:
        """One denoising step on every tile, blended.

        Args:
            z_hat: as `read` gives it, float [B, 4, h, w].
            t: timesteps, float [B, rows, columns] of the tile grid.
            plan: tiles of h x w, of sides that are multiples of 8; None = one tile.
            batch: tiles that run together: less needs less memory.
            progress: called after each batch of tiles.

        Returns:
            z0, times the scaling factor, float [B, 4, h, w].

        Raises:
            InputError: the plan does not fit the latent, or `t` not the plan.
        """
        if plan is not None and (plan.tile_height % _TILE_MULTIPLE or plan.tile_width % _TILE_MULTIPLE):
            sides = f"{plan.tile_height}x{plan.tile_width}"
            raise InputError(f"tile is {sides} latent cells, expected multiples of {_TILE_MULTIPLE}")
        if tuple(t.shape) != _grid_shape(z_hat, plan):
            raise InputError(f"timestep map: shape is {tuple(t.shape)}, expected {_grid_shape(z_hat, plan)}")
        given = t.to(z_hat.device, torch.float32).flatten()

        def step(tiles: Tensor, numbers: slice) -> Tensor:
            t = given[numbers]
            # a compiled network is made anew for each number of tiles, so that the last few are filled up
            missing = min(batch, len(given)) - len(tiles) if self.compiled else 0
            filled, times = (_repeat_first(x, missing) for x in (tiles, t))
            z0: Tensor = self.scheduler(tiles, self.denoiser(filled, times)[: len(tiles)], t)
            return z0

        return run_tiles(z_hat * self.latent_codec.scaling_factor, plan, batch, step, progress)

    @torch.no_grad()
    def decode(
        self,
        lr: Tensor,
        size: Size | None = None,
        *,
        plan: BlendPlan | None,
        batch: int = 4,
        timesteps: Tensor | None = None,
        vae_plan: BlendPlan | None = None,
        progress: Progress | None = None,
    ) -> Reconstruction:
        """Pixels of an LR picture.

        As released, tiles are 96 cells with 32 in common; `codec.geometry.latent_size` says what to plan for.

        Args:
            lr: float [B, 3, h, w] in [-1, 1], after rounding to 8 bits.
            size: HR size; h and w are its sides over the scale, rounded up. None = scale times the LR's.
            plan: the denoiser's tiles of the latent; None = one tile.
            batch: denoiser tiles that run together: less needs less memory.
            timesteps: float [B, rows, columns] of the tile grid, instead of the predictor's.
            vae_plan: the VAE decoder's tiles of the latent, with weights for results 8 times larger; None = one tile.
            progress: called after each batch of the denoiser's tiles.

        Raises:
            InputError: the LR is no batch of RGB pictures or does not fit `size`, a plan does not fit the latent, or
                `timesteps` not the plan.
        """
        check_pictures(lr)
        size = size or Size(width=lr.shape[3] * self.scale, height=lr.shape[2] * self.scale)
        z_hat = self.read(self._whole_lr(lr.float(), size))
        t = self.predict(z_hat, plan, batch=batch) if timesteps is None else timesteps
        z0 = self.denoise(z_hat, t, plan, batch=batch, progress=progress)
        x_hat = run_tiles(z0, vae_plan, 1, lambda tiles, _: self.latent_codec.decode(tiles))
        return Reconstruction(z_hat=z_hat, t=t, z0=z0, x_hat=x_hat[:, :, : size.height, : size.width])

    def _whole_lr(self, lr: Tensor, size: Size) -> Tensor:
        """The LR of the padded picture, from that or from the LR as stored: cut to the picture's own extent."""
        cells = latent_size(size)
        whole = Size(width=cells.width * LATENT_CELL, height=cells.height * LATENT_CELL)
        full, stored = lr_size(whole, self.scale), lr_size(size, self.scale)
        got = Size(width=lr.shape[3], height=lr.shape[2])
        if got not in (stored, full):
            raise InputError(
                f"LR is {got.width}x{got.height}, expected {stored.width}x{stored.height} "
                f"for {size.width}x{size.height} at scale {self.scale}"
            )
        return extend(lr, full.height, full.width)


def _repeat_first(x: Tensor, times: int) -> Tensor:
    return torch.cat([x, x[:1].expand(times, *x.shape[1:])]) if times else x


def _grid_shape(z_hat: Tensor, plan: BlendPlan | None) -> tuple[int, int, int]:
    return (len(z_hat), 1, 1) if plan is None else (len(z_hat), len(plan.tops), len(plan.lefts))

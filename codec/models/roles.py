"""The roles that every model family fills, as one interface: the steps between a stored LR and a photograph.

| role | step | `compact` | `sd21` |
|---|---|---|---|
| rescaler, up | `read` | `reader.LRReader` | `dfrm.Rescaler` |
| timestep predictor | `predict` | `predictor`, 64 px tiles | `predictor`, latent tiles |
| denoiser, scheduler | `denoise` | `denoiser`, Eq. 9 for a known noise | `denoiser`, `scheduler`: Eq. 10 |
| latent codec | `to_pixels` | `latent`: space-to-depth by 4 | `vae`: Stable Diffusion's |

The way down (pixels to LR) is the downscale and, where the package has one, an LR writer for `compact`
(`codec.downscale`, `compact.writer`), and `Sd21Pipeline.encode` for `sd21`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Family(Protocol):
    """A loaded family for one scale. All tensors are float32 on the family's device; B is a batch of pictures.

    Attributes:
        scale: HR/LR ratio.
    """

    scale: int

    def read(self, lr: Tensor, quality: int) -> Tensor:
        """Rescaler, LR -> z_hat.

        Args:
            lr: [B, 3, h, w] in [-1, 1], sides times the scale multiples of 64.
            quality: of the payload, 0..100, 100 = lossless.
        """

    def predict(self, z_hat: Tensor, quality: int) -> Tensor:
        """Timestep a tile, [B, rows, columns] in [10, 200]."""

    def denoise(self, z_hat: Tensor, t: Tensor, quality: int, noise: Tensor | None) -> Tensor:
        """One denoising step and its scheduler, z_hat -> z0.

        Args:
            z_hat: as `read` gives it.
            t: timestep a tile, [B, rows, columns] in [0, 200]; times realism where the family has that dial.
            quality: of the payload, 0..100.
            noise: unit-variance noise, [B, 1, H, W], for families that use a known noise; None = no noise.
        """

    def to_pixels(self, z0: Tensor) -> Tensor:
        """Latent codec, z0 (or z_hat, to see it without the denoiser) -> pixels [B, 3, H, W], nominally in [-1, 1]."""

"""The `sd21` family as encoder and decoder use it: the roles, with the tiles of a latent planned for it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.tiles import TilePlan

#: (rows, columns) of latent cells -> tiles, or None for one tile. `codec.tiling` plans, and models may not import it.
Planner = Callable[[int, int], TilePlan | None]


class Sd21Family:
    """One scale of the published TADM; see `codec.models.roles.Family`.

    It has no dial and no known noise: the predicted timestep alone decides how much is invented.
    """

    def __init__(self, pipeline: Sd21Pipeline, plan: Planner, *, batch: int = 4) -> None:
        self.scale = pipeline.scale
        self._pipeline, self._plan, self._batch = pipeline, plan, batch

    def read(self, lr: Tensor, quality: int) -> Tensor:
        """See `Family.read`; the published rescaler does not look at the quality. Not times the scaling factor."""
        return self._pipeline.read(lr)

    def predict(self, z_hat: Tensor, quality: int) -> Tensor:
        """See `Family.predict`; a tile is one of the plan's."""
        return self._pipeline.predict(z_hat, self._tiles(z_hat), batch=self._batch)

    def denoise(self, z_hat: Tensor, t: Tensor, quality: int, noise: Tensor | None) -> Tensor:
        """See `Family.denoise`; times the scaling factor. `noise` has no place in this family."""
        return self._pipeline.denoise(z_hat, t, self._tiles(z_hat), batch=self._batch)

    def to_pixels(self, z0: Tensor) -> Tensor:
        """See `Family.to_pixels`; takes what `denoise` gives."""
        return self._pipeline.latent_codec.decode(z0)

    def _tiles(self, z_hat: Tensor) -> TilePlan | None:
        return self._plan(z_hat.shape[2], z_hat.shape[3])

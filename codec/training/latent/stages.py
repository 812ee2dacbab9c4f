"""What one step of each stage computes: pictures and their latents -> a loss and what the log shows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.sd21.pipeline import Sd21Pipeline
from codec.training.coding import downscale, through_payload
from codec.training.latent.config import LatentStageConfig
from codec.training.perceptual import Term, perceptual_term

_NORM: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss}


class LatentStage(nn.Module):
    """Losses of one kind of stage around a pipeline; a module, so that several processes can share its gradients."""

    def __init__(self, pipeline: Sd21Pipeline, config: LatentStageConfig, device: torch.device) -> None:
        """Prepare.

        Raises:
            InputError, ModelError: a perceptual term is unknown, or its weights are not on this machine.
        """
        super().__init__()
        self.pipeline, self.config = pipeline, config
        self._norm = _NORM[config.norm]
        self._terms: dict[str, tuple[float, Term]] = {}
        if config.kind != "rescaler":
            self._terms = {n: (w, perceptual_term(n, device)) for n, w in config.perceptual.items()}

    def forward(self, x: Tensor, z: Tensor, quality: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch.

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1].
            z: their latent times the scaling factor, float [B, 4, H/8, W/8].
            quality: of the payload / 100, float [B, 1, 1, 1]; 1 = lossless.

        Returns:
            The loss, and its terms by name.
        """
        kind, moving = self.config.kind, self.config.kind != "enhancement"
        with torch.set_grad_enabled(moving and torch.is_grad_enabled()):
            z_hat, terms = self._rescale(x, z, quality)
        if not moving:
            terms = {}
        if kind != "rescaler":
            terms |= self._enhance(x, z_hat)
        loss = torch.stack(list(terms.values())).sum()
        return loss, {name: term.detach() for name, term in terms.items()}

    def _rescale(self, x: Tensor, z: Tensor, quality: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 6 and 7: both chains of reconstruction, and the LR's distance to the downscale. In float32 throughout."""
        c, rescaler, factor = self.config, self.pipeline.rescaler, self.pipeline.latent_codec.scaling_factor
        with torch.autocast(x.device.type, enabled=False):
            target = z / factor
            feature = rescaler.feature(x, z)
            lr = rescaler.feature_to_lr(feature)
            z_hat = rescaler.up(through_payload(lr, quality))
            exact = rescaler.feature_to_latent(feature)
            rec = self._norm(exact, target) + self._norm(z_hat, target)
            guide = self._norm(lr, downscale(x, c.scale))
        return z_hat, {"rec": c.rec * rec, "guide": c.guide * guide}

    def _enhance(self, x: Tensor, z_hat: Tensor) -> dict[str, Tensor]:
        """Eq. 10 and 11: one timestep a crop, one denoising step, pixels."""
        p = self.pipeline
        z_hat = z_hat * p.latent_codec.scaling_factor
        t = p.predictor(z_hat)
        x_hat = p.latent_codec.decode_unclamped(p.scheduler(z_hat, p.denoiser(z_hat, t), t))
        terms = {"pixel": self.config.pixel * self._norm(x_hat, x)}
        for name, (weight, term) in self._terms.items():
            terms[name] = weight * term(x_hat, x).mean()
        return terms

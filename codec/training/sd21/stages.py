"""What one optimiser step does in each stage of TADM around Stable Diffusion 2.1-base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.errors import InputError
from codec.models.device import has_bf16
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.encoding import given_latent, taken_latent
from codec.training.coding import downscale, through_payload
from codec.training.crops import CropStore
from codec.training.loop import update
from codec.training.losses import psnr
from codec.training.perceptual import Term, perceptual_term
from codec.training.sd21.config import Sd21StageConfig
from codec.training.sd21.data import LatentPairs
from codec.training.sd21.trainable import MOVING, Trainable
from codec.training.state import Tensors

_NORM: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss}


class TadmStage:
    """The stages of the paper: the rescaler alone, everything around it, or both together.

    Attributes:
        config: of the stage.
        trained: the pipeline and its moving parts.
    """

    def __init__(self, config: Sd21StageConfig, trained: Trainable, store: Path, device: torch.device) -> None:
        """Prepare.

        Raises:
            InputError: the crop store does not fit, a perceptual term is unknown, or the weights are of another scale.
            ModelError: a perceptual term's weights are not on this machine.
        """
        _check(config, trained)
        self.config, self.trained, self._device = config, trained, device
        self._pipeline = trained.pipeline.to(device)
        _checkpointed(trained, config)
        self._norm = _NORM[config.norm]
        self._terms: dict[str, tuple[float, Term]] = {}
        if config.kind != "rescaler":
            self._terms = {n: (w, perceptual_term(n, device)) for n, w in config.perceptual.items()}
        self._optimizer = torch.optim.AdamW(
            trained.parameters(), config.rate, config.betas, weight_decay=config.weight_decay
        )
        self._data, self._store = LatentPairs(store, self._pipeline.latent_codec, device), store

    def tensors(self) -> Tensors:
        """See `codec.training.loop.Stage.tensors`."""
        return {f"{part}/{n}": t for part in MOVING["joint"] for n, t in self.trained.part(part).items()}

    def averaged(self) -> Tensors:
        """See `codec.training.loop.Stage.averaged`."""
        return {n: t for n, t in self.tensors().items() if t.requires_grad}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `codec.training.loop.Stage.optimizers`."""
        return {"generator": self._optimizer}

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""
        terms: Tensors = {}
        self._optimizer.zero_grad(set_to_none=True)
        for _ in range(self.config.accumulate):
            x, z = self._data.sample(self.config.batch, self.config.crop, rng)
            terms = self.losses(x, z, _quality(self.config, rng).to(self._device))
            (torch.stack(list(terms.values())).sum() / self.config.accumulate).backward()
        update(self._optimizer, self.config.clip)
        return {name: float(term.detach()) for name, term in terms.items()}

    @torch.no_grad()
    def evaluate(self, folder: Path, step: int) -> list[dict[str, float]]:
        """See `codec.training.loop.Stage.evaluate`: the losses of Eq. 6, 7 and 11 on held-out squares, without their
        weights; `held_out_rec` and `held_out_guide` are the curves of Fig. 6.
        """
        c = self.config
        weights = {"rec": c.rec, "guide": c.guide, "pixel": c.pixel} | {n: w for n, (w, _) in self._terms.items()}
        squares = CropStore(self._store, device=self._device, holdout=True).fixed(c.held_out, crop=c.crop)
        quality = torch.ones(1, 1, 1, 1) if c.payload == "png" else torch.full((1, 1, 1, 1), sum(c.qualities) / 200)
        sums: dict[str, float] = {}
        for x in squares.split(1):
            z = self._pipeline.latent_codec.encode(x)
            z_hat, terms = self._rescale(x, z, quality.to(self._device))
            if c.kind != "rescaler":
                x_hat = self._decoded(z_hat)
                terms |= self._enhance(x, x_hat)
                terms["psnr"] = torch.tensor(psnr(x_hat.clamp(-1, 1), x))
            for name, term in terms.items():
                if weights.get(name, 1.0):
                    sums[name] = sums.get(name, 0.0) + float(term) / weights.get(name, 1.0)
        return [{f"held_out_{name}": total / len(squares) for name, total in sums.items()}]

    def save(self, folder: Path) -> None:
        """See `codec.training.loop.Stage.save`."""
        self.trained.save(folder)

    def losses(self, x: Tensor, z: Tensor, quality: Tensor) -> Tensors:
        """The terms of the loss of one batch, by name, each with its weight.

        Args:
            x: pixels, float [B, 3, H, W] in [-1, 1].
            z: their latent times the scaling factor, float [B, 4, H/8, W/8].
            quality: of the payload / 100, float [B, 1, 1, 1]; 1 = lossless.
        """
        kind, moving = self.config.kind, self.config.kind != "enhancement"
        with torch.set_grad_enabled(moving and torch.is_grad_enabled()):
            z_hat, terms = self._rescale(x, z, quality)
        if not moving:
            terms = {}
        if kind != "rescaler":
            terms |= self._enhance(x, self._decoded(z_hat))
        return terms

    def _rescale(self, x: Tensor, z: Tensor, quality: Tensor) -> tuple[Tensor, Tensors]:
        """Eq. 6 and 7: both chains of reconstruction, and the LR's distance to the downscale. In float32 throughout.

        The downscale is antialiased and rounded, as encoders of this codec make it; the release's is neither.
        """
        c, rescaler, factor = self.config, self._pipeline.rescaler, self._pipeline.latent_codec.scaling_factor
        conventions = self._pipeline.conventions
        with torch.autocast(x.device.type, enabled=False):
            target = z / factor if conventions.latent_out == "unscaled" else z
            lr, exact, z_hat = chains(rescaler, x, given_latent(conventions, z, factor), quality)
            rec = self._norm(exact, target) + self._norm(z_hat, target)
            guide = self._norm(lr, downscale(x, c.scale))
        return taken_latent(conventions, z_hat, factor), {"rec": c.rec * rec, "guide": c.guide * guide}

    def _decoded(self, z_hat: Tensor) -> Tensor:
        """Eq. 10: one timestep a crop, one denoising step, pixels; z_hat is not times the scaling factor."""
        p = self._pipeline
        with torch.autocast(z_hat.device.type, torch.bfloat16, enabled=has_bf16(z_hat.device)):
            t = p.predictor(p.for_predictor(z_hat))
            z_hat = z_hat * p.latent_codec.scaling_factor
            x_hat = p.latent_codec.decode_unclamped(p.scheduler(z_hat, p.denoiser(z_hat, t), t))
        return x_hat.float()

    def _enhance(self, x: Tensor, x_hat: Tensor) -> Tensors:
        """Eq. 11."""
        terms = {"pixel": self.config.pixel * self._norm(x_hat, x)}
        for name, (weight, term) in self._terms.items():
            terms[name] = weight * term(x_hat, x).mean()
        return terms


def chains(rescaler: Rescaler, x: Tensor, z: Tensor, quality: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two chains of Eq. 6: G_d(G_e(x, z)), and the same through the LR as it is stored, G_d(F^-1(F(G_e(x, z)))).

    Args:
        rescaler: of one scale.
        x: pixels, float [B, 3, H, W] in [-1, 1].
        z: latent as the rescaler takes it, float [B, 4, H/8, W/8].
        quality: of the payload / 100, float [B, 1, 1, 1]; 1 = rounded to 8 bits and no more.

    Returns:
        The LR before rounding, float [B, 3, H/scale, W/scale], and both latents as the rescaler gives them.
    """
    feature = rescaler.feature(x, z)
    lr = rescaler.feature_to_lr(feature)
    return lr, rescaler.feature_to_latent(feature), rescaler.up(through_payload(lr, quality))


def _check(config: Sd21StageConfig, trained: Trainable) -> None:
    """Raises:
    InputError: the weights are of another scale, or were made without a part, or after other conventions.
    """
    have = trained.config
    if have.rescaler.scale != config.scale:
        raise InputError(f"the stage is for scale {config.scale}, the weights are of {have.rescaler.scale}")
    for part, names in (
        (have.rescaler, ("inn", "pixel_branch")),
        (have, ("timestep",)),
        (have.conventions, ("latent_in", "latent_out", "predictor_in", "prediction")),
    ):
        for name in names:
            stage, weights = getattr(config, name), getattr(part, name)
            if stage != weights:
                raise InputError(f"the stage has {name} = {stage!r}, the weights have {weights!r}")


def _checkpointed(trained: Trainable, config: Sd21StageConfig) -> None:
    """Checkpointing works in training mode alone; there is no dropout in these networks that it would wake."""
    pipeline = trained.pipeline
    if config.checkpointing and config.kind != "rescaler":
        pipeline.denoiser.unet.enable_gradient_checkpointing()
        pipeline.latent_codec.vae.enable_gradient_checkpointing()
        pipeline.denoiser.unet.train()
        pipeline.latent_codec.vae.decoder.train()


def _quality(config: Sd21StageConfig, rng: torch.Generator) -> Tensor:
    if config.payload == "png":
        return torch.ones(config.batch, 1, 1, 1)
    low, high = config.qualities
    return torch.randint(low, high + 1, (config.batch, 1, 1, 1), generator=rng) / 100

"""What one optimiser step does in each stage. Every stage has the same three members: see `Stage`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.config import LATENT_FACTOR
from codec.models.compact.latent import PixelLatent
from codec.models.compact.layers import bicubic_up
from codec.models.compact.model import CompactModel
from codec.training.coding import draw_quality, encode
from codec.training.config import StageConfig
from codec.training.discriminator import (
    MultiScaleDiscriminator,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from codec.training.losses import l1, mean_colour, ms_ssim, weighted_l1
from codec.training.perceptual import perceptual_term


class Stage(Protocol):
    """One way to train the compact model.

    Attributes:
        extra: networks that only training needs, by name (discriminators).
    """

    extra: dict[str, nn.Module]

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Optimisers by name, made once."""

    def step(self, hr: Tensor, scale: int, rng: torch.Generator) -> dict[str, float]:
        """Forward, backward and update on crops, float [B, 3, H, W] in [-1, 1]; returns what the log shows."""


class FidelityStage:
    """Regression at realism 0: readers and denoiser on pixels, predictors on the readers' remaining error."""

    def __init__(self, model: CompactModel, config: StageConfig) -> None:
        self.extra: dict[str, nn.Module] = {}
        self._model, self._config = model, config
        moving = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(moving, config.rate, config.betas, weight_decay=1e-4)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"generator": self._optimizer}

    def step(self, hr: Tensor, scale: int, rng: torch.Generator) -> dict[str, float]:
        c, model = self._config, self._model
        with autocast(hr.device):
            batch = encode(model, hr, draw_quality(hr.shape[0], scale, rng), scale, c.chroma)
            z_hat = model.read(batch.lr, batch.quality, batch.scale)
            b, _, h, w = z_hat.shape
            zeros = z_hat.new_zeros(b, 1, h, w)
            noise = z_hat.new_zeros(b, 1, h * LATENT_FACTOR, w * LATENT_FACTOR)
            z0 = model.denoise(z_hat, noise, zeros, batch.quality, batch.scale)
            x_hat = PixelLatent.decode(z0.float())
            predicted = model.predictor(batch.scale).log_error(z_hat.detach(), batch.quality)
        fidelity = fidelity_loss(c, x_hat, batch.hr).mean()
        own = l1(PixelLatent.decode(z_hat.float()), batch.hr).mean()
        target = log_tile_error(z_hat, batch.hr)
        predictor = F.smooth_l1_loss(predicted.float(), target)
        guide, bits = batch.residual.pow(2).mean(), torch.log(batch.bits).mean()
        self._optimizer.zero_grad(set_to_none=True)
        (fidelity + c.z_hat * own + 0.05 * predictor + c.lr_guide * guide + c.lr_bits * bits).backward()
        norm = finish(self._optimizer)
        return {
            "loss": fidelity.item(), "psnr": psnr(x_hat, batch.hr), "z_hat": own.item(),
            "predictor": predictor.item(), "lr_change": 127.5 * batch.residual.abs().mean().item(),
            "log_bits": bits.item(), "norm": norm,
        }  # fmt: skip


class RealismStage:
    """The whole dial: the timestep decides how much noise enters, how far fidelity lets go, how far realism pulls."""

    def __init__(self, model: CompactModel, config: StageConfig) -> None:
        device = next(model.parameters()).device
        self._model, self._config = model, config
        self._critic = MultiScaleDiscriminator(config.discriminator_width).to(device)
        self.extra: dict[str, nn.Module] = {"critic": self._critic}
        self._perceptual = [(perceptual_term(name, device), weight) for name, weight in config.perceptual.items()]
        moving = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(moving, config.rate, config.betas, weight_decay=1e-4)
        self._critic_optimizer = torch.optim.AdamW(
            self._critic.parameters(), config.discriminator_rate, config.betas, weight_decay=0.0
        )

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"generator": self._optimizer, "critic": self._critic_optimizer}

    def step(self, hr: Tensor, scale: int, rng: torch.Generator) -> dict[str, float]:
        c, device = self._config, hr.device
        b, _, h, w = hr.shape
        # uniform, with a share of crops at each end of the dial
        realism = (torch.rand(b, 1, 1, 1, generator=rng) * 1.4 - 0.2).clamp(0, 1).to(device)
        noise = torch.randn(b, 1, h, w, generator=rng).to(device)
        with autocast(device):
            batch = encode(self._model, hr, draw_quality(b, scale, rng), scale, c.chroma)
            out = self._model(batch.lr, batch.quality, batch.scale, realism, noise)
            x_hat, condition = out.x_hat, bicubic_up(batch.lr, batch.scale)
        weight = (out.t.float() / 200).clamp(0, 1)  # [B, 1, h/4, w/4]
        critic = self._critic_step(batch.hr, x_hat.detach(), condition, weight)
        self._critic.requires_grad_(False)
        with autocast(device):
            with torch.no_grad():
                real = self._critic(batch.hr, condition)
            fake = self._critic(x_hat, condition)
        adversarial, feature = weight.new_zeros(()), weight.new_zeros(())
        for (_, real_layers), (logit, fake_layers) in zip(real, fake, strict=True):
            adversarial = adversarial + hinge_generator(logit.float(), F.adaptive_avg_pool2d(weight, logit.shape[-2:]))
            feature = feature + feature_matching(
                [f.float() for f in real_layers], [f.float() for f in fake_layers], weight
            )
        fidelity = released_fidelity_loss(c, x_hat.float(), batch.hr, weight).mean()
        total = fidelity + c.adversarial * adversarial + c.feature * feature
        for term, gain in self._perceptual:
            total = total + gain * (term(x_hat.float(), batch.hr) * weight.mean((1, 2, 3))).mean()
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        self._critic.requires_grad_(True)
        norm = finish(self._optimizer)
        return {
            "loss": fidelity.item(), "psnr": psnr(x_hat.float(), batch.hr), "adversarial": adversarial.item(),
            "feature": feature.item(), "critic": critic, "t": float(weight.mean()) * 200, "norm": norm,
        }  # fmt: skip

    def _critic_step(self, hr: Tensor, made: Tensor, condition: Tensor, weight: Tensor) -> float:
        with autocast(hr.device):
            real, fake = self._critic(hr, condition), self._critic(made, condition)
        loss = weight.new_zeros(())
        for (a, _), (f, _) in zip(real, fake, strict=True):
            loss = loss + hinge_discriminator(a.float(), f.float(), F.adaptive_avg_pool2d(weight, a.shape[-2:]))
        self._critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        finish(self._critic_optimizer)
        return loss.item()


STAGES: dict[str, Callable[[CompactModel, StageConfig], Stage]] = {"fidelity": FidelityStage, "realism": RealismStage}


def autocast(device: torch.device) -> torch.autocast:
    """bf16 where the hardware likes it: convolutions, not losses."""
    return torch.autocast(device.type, torch.bfloat16)


def fidelity_loss(c: StageConfig, x_hat: Tensor, hr: Tensor) -> Tensor:
    """L1 + MS-SSIM + mean colour, float [B]."""
    structure = 1 - ms_ssim(x_hat, hr)
    return c.l1 * l1(x_hat, hr) + c.ms_ssim * structure + c.colour * mean_colour(x_hat, hr)


def released_fidelity_loss(c: StageConfig, x_hat: Tensor, hr: Tensor, tau: Tensor) -> Tensor:
    """`fidelity_loss` that lets go where the timestep is high: tau = t / 200, float [B, 1, h, w] a latent cell."""
    pixel_tau = F.interpolate(tau, size=hr.shape[-2:], mode="nearest")
    pixels = weighted_l1(x_hat, hr, 1 - c.fidelity_release * pixel_tau, 1 - c.chroma_release * pixel_tau)
    structure = (1 - ms_ssim(x_hat, hr)) * (1 - c.fidelity_release * tau.mean((1, 2, 3)))
    return c.l1 * pixels + c.ms_ssim * structure + c.colour * mean_colour(x_hat, hr)


def log_tile_error(z_hat: Tensor, hr: Tensor) -> Tensor:
    """log2 of the mean absolute error of z_hat a 64 px tile, float [B, 1, H/64, W/64]: the predictor's target."""
    error = (z_hat.detach().float() - PixelLatent.encode(hr)).abs().mean(1, keepdim=True)
    return torch.log2(F.avg_pool2d(error, TIMESTEP_TILE // LATENT_FACTOR) + 2.0**-10)


def finish(optimizer: torch.optim.Optimizer) -> float:
    """Average gradients over processes if there are several, clip them at norm 1, update. Returns the norm."""
    params = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        for p in params:
            torch.distributed.all_reduce(p.grad)
            assert p.grad is not None
            p.grad /= torch.distributed.get_world_size()
    norm = float(nn.utils.clip_grad_norm_(params, 1.0))
    if math.isfinite(norm):
        optimizer.step()
    return norm


def psnr(a: Tensor, b: Tensor) -> float:
    """RGB, dB, for pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (a.detach().clamp(-1, 1) - b).pow(2).mean()))

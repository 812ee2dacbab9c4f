"""Timestep-aware variational score distillation: what a teacher and a learned score of the student's own pictures say
of a noised latent, and the losses made of it. Source: TADSR, Eq. 2 to 6, 10 and 12.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

#: How the difference of both is weighted: as the release, Eq. 3 with w' = 1, Eq. 6 with w = 1.
WEIGHTS = ("normalised", "x0", "eps")
_LARGEST = 999


class Scores(Protocol):
    """Two U-Nets, or one that is both: each finds the noise in a latent."""

    def teacher(self, z_t: Tensor, t: Tensor, guidance: Tensor) -> Tensor:
        """Frozen and guided: float [B, 4, h, w], whole timesteps [B], guidance scales [B] -> eps."""

    def fake(self, z_t: Tensor, t: Tensor) -> Tensor:
        """Trained on what the student makes: eps."""


def teacher_timestep(t_s: Tensor, slope: float = 0.5, offset: float = 0.0) -> Tensor:
    """t_v = lambda t_s + gamma, Eq. 5, rounded down and cut to 0..999; whole numbers [B]."""
    return (slope * t_s.double() + offset).floor().clamp(0, _LARGEST).long()


def guided(unconditional: Tensor, conditional: Tensor, guidance: Tensor) -> Tensor:
    """Classifier-free guidance: eps_u + g (eps_c - eps_u), g float [B]."""
    return unconditional + guidance.view(-1, 1, 1, 1).to(conditional) * (conditional - unconditional)


def noised(z: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """z_t = sqrt(abar) z + sqrt(1 - abar) noise; abar float [B]."""
    a = alpha_bar.view(-1, 1, 1, 1)
    return a.sqrt() * z + (1 - a).sqrt() * noise


def clean(z_t: Tensor, eps: Tensor, alpha_bar: Tensor) -> Tensor:
    """The latent that a noise estimate leaves: (z_t - sqrt(1 - abar) eps) / sqrt(abar); abar float [B]."""
    a = alpha_bar.view(-1, 1, 1, 1)
    return (z_t - (1 - a).sqrt() * eps) / a.sqrt()


def tavsd_loss(
    z: Tensor, noise: Tensor, scores: Scores, t_v: Tensor, guidance: Tensor, alphas_cumprod: Tensor,
    weight: str = "normalised",
) -> Tensor:  # fmt: skip
    """A loss whose gradient on z pulls the student's distribution towards the teacher's.

    Args:
        z: the student's latents, with gradient, float [B, 4, h, w].
        noise: standard normal, the same shape.
        scores: teacher and fake score.
        t_v: whole timesteps, [B].
        guidance: of the teacher, float [B].
        alphas_cumprod: the noise schedule, float [1000].
        weight: "normalised": by the mean distance of each latent from what the teacher makes of it, as the release.
            For fixed predictions that hides t_v: the difference of two estimates is divided by one that grows likewise.
            "x0": the plain difference of both latents (Eq. 3, w' = 1). "eps": of both noises (Eq. 6, w = 1).

    Returns:
        mean((z - sg(z - g))^2), g being the weighted difference: a scalar with gradient 2 g / size.
    """
    with torch.no_grad():
        alpha_bar = alphas_cumprod.to(z)[t_v]
        z_t = noised(z, noise, alpha_bar)
        eps_fake, eps_teacher = scores.fake(z_t, t_v), scores.teacher(z_t, t_v, guidance)
        x0_fake, x0_teacher = (clean(z_t, eps, alpha_bar) for eps in (eps_fake, eps_teacher))
        if weight == "eps":
            pull = eps_teacher - eps_fake
        else:
            pull = x0_fake - x0_teacher
            if weight == "normalised":
                pull = pull / (z - x0_teacher).abs().mean((1, 2, 3), keepdim=True)
        target = z - pull
    return (z - target).square().mean()


def diffusion_loss(eps: Tensor, noise: Tensor) -> Tensor:
    """What the fake score learns by: the mean squared error of its noise estimate, Eq. 10."""
    return (eps - noise).square().mean()

"""From what a U-Net predicts to the clean latent, in one step: the two forms that the papers use."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

OneStep = Callable[[Tensor, Tensor, Tensor], Tensor]


def epsilon(z: Tensor, prediction: Tensor, alpha_bar: Tensor) -> Tensor:
    """z0 = (z - sqrt(1 - abar) eps) / sqrt(abar): Eq. 9 of TADM and Eq. 2 of TUDSR.

    Args:
        z: latent, float [B, 4, h, w], times the VAE's scaling factor.
        prediction: noise that the U-Net found in it, the same shape.
        alpha_bar: cumulative signal power at the timestep, of any shape that broadcasts.
    """
    return (z - (1 - alpha_bar).sqrt() * prediction) / alpha_bar.sqrt()


def residual(z: Tensor, prediction: Tensor, alpha_bar: Tensor) -> Tensor:
    """z0 = z / sqrt(abar) - prediction: the form of TADSR's release; arguments as in `epsilon`.

    It amplifies z by 1 / sqrt(abar), 14.6 at the last timestep: the time-aware encoder is what undoes it.
    """
    return z / alpha_bar.sqrt() - prediction


def velocity(z: Tensor, prediction: Tensor, alpha_bar: Tensor) -> Tensor:
    """z0 = sqrt(abar) z - sqrt(1 - abar) v: the step of a U-Net that predicts v; arguments as in `epsilon`.

    Source: Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", appendix D.
    """
    return alpha_bar.sqrt() * z - (1 - alpha_bar).sqrt() * prediction


#: By `Conventions.prediction`.
PREDICTIONS: dict[str, OneStep] = {"epsilon": epsilon, "v_prediction": velocity}
FORMS: dict[str, OneStep] = {"epsilon": epsilon, "residual": residual}

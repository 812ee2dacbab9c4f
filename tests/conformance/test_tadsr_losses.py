"""TADSR's losses against values made from first principles (checks S4 to S6)."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from codec.models.sd21.one_step import epsilon, residual
from codec.training.tadsr.blurred import blurred_mse, gaussian, kernel_size
from codec.training.tadsr.tavsd import WEIGHTS, clean, diffusion_loss, guided, noised, tavsd_loss, teacher_timestep

ABAR = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)


def latent(fill: ModuleType, seed: int, height: int = 8, width: int = 8) -> Tensor:
    return torch.from_numpy(fill.latent(height, width, 4, seed)).double()


class Fixed:
    """Predictions that are given."""

    def __init__(self, fake: Tensor, conditional: Tensor, unconditional: Tensor) -> None:
        self._fake, self._conditional, self._unconditional = fake, conditional, unconditional

    def fake(self, z_t: Tensor, t: Tensor) -> Tensor:
        return self._fake

    def teacher(self, z_t: Tensor, t: Tensor, guidance: Tensor) -> Tensor:
        return guided(self._unconditional, self._conditional, guidance)


class Stubs:
    """Predictions in closed form that depend on the latent and on the timestep."""

    @staticmethod
    def _net(a: float, b: float, z_t: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(a * z_t + b * t.view(-1, 1, 1, 1).double() / 1000)

    def fake(self, z_t: Tensor, t: Tensor) -> Tensor:
        return self._net(0.8, 0.1, z_t, t)

    def teacher(self, z_t: Tensor, t: Tensor, guidance: Tensor) -> Tensor:
        return guided(self._net(0.9, 0.3, z_t, t), self._net(1.1, -0.2, z_t, t), guidance)


def pulled(z: Tensor, scores: Any, noise: Tensor, t: int, g: float, weight: str) -> tuple[float, Tensor]:
    z = z.clone().requires_grad_(True)
    loss = tavsd_loss(z, noise, scores, torch.tensor([t]), torch.tensor([g]).double(), ABAR, weight)
    loss.backward()
    assert z.grad is not None
    return float(loss.detach()), z.grad


def test_s4_schedule(losses: dict[str, Any]) -> None:
    for t, value in losses["schedule"]["abar"].items():
        assert float(ABAR[int(t)]) == pytest.approx(value, rel=1e-9)


def test_s4_teacher_timestep(losses: dict[str, Any]) -> None:
    for slope, offset, t_s, want in losses["tadsr_t_v"]["rows"]:
        assert int(teacher_timestep(torch.tensor([t_s]), slope, offset)) == want


def test_s4_kernel(losses: dict[str, Any]) -> None:
    for t_s, size in losses["tadsr_kernel"]["rows"]:
        assert kernel_size(t_s) == size
        assert gaussian(t_s).shape == (size,)


def test_s4_blurred_mse(losses: dict[str, Any], fill: ModuleType) -> None:
    a, b = (torch.from_numpy(fill.image(48, 64, seed)) for seed in (5, 6))
    for t_s, size, _, middle, want in losses["tadsr_blurred_mse"]["rows"]:
        assert float(gaussian(t_s)[size // 2]) == pytest.approx(middle, rel=1e-6)
        assert float(blurred_mse(a, b, torch.tensor([t_s]))) == pytest.approx(want, rel=1e-5)
    # every picture has its own timestep
    rows = {row[0]: row[4] for row in losses["tadsr_blurred_mse"]["rows"]}
    both = blurred_mse(torch.cat([a, a]), torch.cat([b, b]), torch.tensor([100, 700]))
    assert both.tolist() == pytest.approx([rows[100], rows[700]], rel=1e-5)


def test_s3_one_step(losses: dict[str, Any], fill: ModuleType) -> None:
    z, prediction = latent(fill, 2, 16, 24), latent(fill, 3, 16, 24)
    for t, want_residual, want_epsilon in losses["one_step"]["rows"]:
        assert float(residual(z, prediction, ABAR[t]).abs().mean()) == pytest.approx(want_residual, rel=1e-6)
        assert float(epsilon(z, prediction, ABAR[t]).abs().mean()) == pytest.approx(want_epsilon, rel=1e-6)


def test_s5_tavsd_of_fixed_predictions(losses: dict[str, Any], fill: ModuleType) -> None:
    z, noise = latent(fill, 31), latent(fill, 32)
    scores = Fixed(*(latent(fill, seed) for seed in (33, 34, 35)))
    for row in losses["tavsd"]["rows"]:
        loss, gradient = pulled(z, scores, noise, row["t_v"], row["cfg"], "normalised")
        assert loss == pytest.approx(row["loss"], rel=1e-6)
        assert gradient.flatten()[:4].tolist() == pytest.approx(row["grad_first4"], rel=1e-6)


def test_s5_tavsd_of_networks_that_see_the_timestep(losses: dict[str, Any], fill: ModuleType) -> None:
    z, noise = latent(fill, 31), latent(fill, 32)
    for row in losses["tavsd_stub_networks"]["rows"]:
        t_v = int(teacher_timestep(torch.tensor([row["t_s"]])))
        loss, gradient = pulled(z, Stubs(), noise, t_v, row["cfg"], "normalised")
        assert loss == pytest.approx(row["loss_normalised"], rel=1e-6)
        assert gradient.flatten()[:4].tolist() == pytest.approx(row["grad_first4"], rel=1e-6)
        plain, _ = pulled(z, Stubs(), noise, t_v, row["cfg"], "x0")
        assert plain == pytest.approx(row["loss_x0_omega1"], rel=1e-6)
        _, of_noise = pulled(z, Stubs(), noise, t_v, row["cfg"], "eps")
        assert float(of_noise.abs().mean()) * z.numel() / 2 == pytest.approx(row["grad_eps_omega1_mean_abs"], rel=1e-6)
        if row["t_s"] > 1:  # the student's own timestep would be another loss
            wrong, _ = pulled(z, Stubs(), noise, row["t_s"], row["cfg"], "normalised")
            assert wrong != pytest.approx(row["loss_normalised"], rel=1e-3)


def test_s5_pictures_do_not_disturb_each_other(fill: ModuleType) -> None:
    z, noise = torch.cat([latent(fill, 31), latent(fill, 36)]), torch.cat([latent(fill, 32), latent(fill, 37)])
    for weight in WEIGHTS:
        both = z.clone().requires_grad_(True)
        t_v, g = torch.tensor([50, 250]), torch.tensor([7.5, 8.75]).double()
        tavsd_loss(both, noise, Stubs(), t_v, g, ABAR, weight).backward()
        assert both.grad is not None
        for i in range(2):
            _, alone = pulled(z[i : i + 1], Stubs(), noise[i : i + 1], int(t_v[i]), float(g[i]), weight)
            assert torch.allclose(both.grad[i : i + 1] * 2, alone, rtol=1e-9)


def test_s6_both_forms_of_the_difference(fill: ModuleType) -> None:
    z, noise, fake, teacher = (latent(fill, seed) for seed in (31, 32, 33, 34))
    for t in (50, 250, 499):
        alpha_bar = ABAR[[t]]
        z_t = noised(z, noise, alpha_bar)
        x0_fake, x0_teacher = (clean(z_t, eps, alpha_bar) for eps in (fake, teacher))
        scale = (alpha_bar / (1 - alpha_bar)).sqrt().view(-1, 1, 1, 1)
        assert torch.allclose(teacher - fake, scale * (x0_fake - x0_teacher), atol=1e-6)


def test_diffusion_loss(losses: dict[str, Any], fill: ModuleType) -> None:
    value = float(diffusion_loss(latent(fill, 33), latent(fill, 32)))
    assert value == pytest.approx(losses["diffusion_loss"]["value"], rel=1e-9)

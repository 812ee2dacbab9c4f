"""The rescaler, the timestep predictor and the time scheduler against the outputs of the published modules."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.config import SCALES, PredictorConfig, RescalerConfig, SchedulerConfig
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.loading import load_exact
from codec.models.sd21.predictor import TimestepPredictor
from codec.models.sd21.scheduler import TimeScheduler
from codec.training.sd21.stages import chains

Shapes = dict[str, dict[str, list[int]]]
Arrays = Callable[[str], dict[str, Tensor]]
Check = Callable[[Tensor, Tensor], None]


def stable_diffusion_schedule() -> Tensor:
    """Cumulative signal power of Stable Diffusion 2.1's "scaled linear" schedule."""
    return torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)


def make(part: str) -> nn.Module:
    """A module of ours by the name that its state dict has in the reference data."""
    if part == "tpm":
        return TimestepPredictor(PredictorConfig())
    if part == "time_scheduler":
        return TimeScheduler(SchedulerConfig(), stable_diffusion_schedule())
    return Rescaler(RescalerConfig(scale=int(part.removeprefix("dfrm_x"))))


def filled(part: str, shapes: Shapes, fill: ModuleType, gain: float = 0.7) -> nn.Module:
    """That module with the released names, filled as the reference's were and loaded strictly."""
    module = make(part)
    tensors = {name: torch.zeros(shape) for name, shape in shapes[part].items()}
    load_exact(module, fill.fill_state_dict(tensors, seed=0, gain=gain), part)
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize("part", [*(f"dfrm_x{scale}" for scale in SCALES), "tpm", "time_scheduler"])
def test_names_and_shapes_are_the_published_ones(part: str, shapes: Shapes) -> None:
    assert {name: list(tensor.shape) for name, tensor in make(part).state_dict().items()} == shapes[part]


@pytest.fixture(scope="module", params=SCALES)
def scale(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def rescaler(scale: int, shapes: Shapes, fill: ModuleType) -> Rescaler:
    module = filled(f"dfrm_x{scale}", shapes, fill, gain=0.65)
    assert isinstance(module, Rescaler)
    return module


@pytest.fixture(scope="module")
def rescaled(scale: int, arrays: Arrays) -> dict[str, Tensor]:
    return arrays(f"tadm_modules/dfrm_x{scale}.npz")


def test_rescaler_down(
    rescaler: Rescaler, rescaled: dict[str, Tensor], fill: ModuleType, agree: Check, same_lr: Check
) -> None:
    # Here the reference latent goes in as it is, not times the scaling factor.
    x, z = torch.from_numpy(fill.image(128, 192, 1)), torch.from_numpy(fill.latent(16, 24, 4, 2))
    zlr = rescaler.feature(x, z)
    agree(zlr, rescaled["zlr"])
    agree(rescaler.feature_to_lr(zlr), rescaled["y_float"])
    same_lr(to_uint8(rescaler.down(x, z)), rescaled["lr_uint8"])
    agree(rescaler.feature_to_latent(zlr), rescaled["zhat_direct"])


def test_rescaler_up(rescaler: Rescaler, rescaled: dict[str, Tensor], agree: Check) -> None:
    lr = from_uint8(rescaled["lr_uint8"])
    agree(rescaler.lr_to_feature(lr), rescaled["zlr_back"])
    agree(rescaler.up(lr), rescaled["zhat"])


def test_the_invertible_network_undoes_itself(rescaler: Rescaler, rescaled: dict[str, Tensor]) -> None:
    zlr = rescaled["zlr"]
    torch.testing.assert_close(rescaler.lr_to_feature(rescaler.feature_to_lr(zlr)), zlr, atol=1e-5, rtol=0)


def test_both_chains_of_the_reconstruction_loss(
    rescaler: Rescaler, scale: int, losses: dict[str, Any], fill: ModuleType
) -> None:
    """Eq. 6 on the authors' own outputs, as absolute and as squared errors."""
    (row,) = (row for row in losses["tadm_eq6"]["rows"] if row["scale"] == scale)
    x, z = torch.from_numpy(fill.image(128, 192, 1)), torch.from_numpy(fill.latent(16, 24, 4, 2))
    lr, exact, z_hat = chains(rescaler, x, z, torch.ones(1, 1, 1, 1))
    assert float(F.l1_loss(exact, z) + F.l1_loss(z_hat, z)) == pytest.approx(row["rec_l1"], rel=1e-5)
    assert float(F.mse_loss(exact, z) + F.mse_loss(z_hat, z)) == pytest.approx(row["rec_l2"], rel=1e-5)
    assert float(lr.abs().mean()) == pytest.approx(row["lr_mean_abs"], rel=1e-4)


@pytest.fixture(scope="module")
def aligned(arrays: Arrays) -> dict[str, Tensor]:
    return arrays("tadm_modules/time_alignment.npz")


def test_predicted_timesteps(aligned: dict[str, Tensor], shapes: Shapes, fill: ModuleType, agree: Check) -> None:
    agree(filled("tpm", shapes, fill)(aligned["z"]), aligned["timesteps"])


def test_both_terms_of_the_time_scheduler(
    aligned: dict[str, Tensor], shapes: Shapes, fill: ModuleType, agree: Check
) -> None:
    scheduler = filled("time_scheduler", shapes, fill)
    assert isinstance(scheduler, TimeScheduler)
    z, eps, t = aligned["z"], aligned["eps"], aligned["timesteps"]
    agree(scheduler.fixed(z, eps), aligned["fixed_t50"])
    agree(scheduler.learned(z, eps, t), aligned["learned"])
    agree(scheduler(z, eps, t), aligned["z0"])

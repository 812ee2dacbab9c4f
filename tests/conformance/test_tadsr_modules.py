"""The time-aware VAE encoder and the one-step form of TADSR against the authors' own modules (checks S1 to S3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("diffusers", reason="the tadsr family needs diffusers")

from diffusers import AutoencoderKL

from bench.random_sd21 import SHAPES
from codec.models.sd21.one_step import residual
from codec.models.tadsr.time_encoder import TimeAwareEncoder

TIMES = (1, 100, 300, 500, 900)


@pytest.fixture(scope="module")
def official(reference: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reference / "tadsr_modules/official_names.json").read_text())
    return found


@pytest.fixture(scope="module")
def encoder(official: dict[str, Any], fill: ModuleType) -> TimeAwareEncoder:
    made = TimeAwareEncoder(AutoencoderKL(**official["config"]))
    fill.fill_state_dict(made.vae.state_dict(), 0)
    return made.eval().requires_grad_(False)


def test_s1_names_and_shapes(official: dict[str, Any], encoder: TimeAwareEncoder) -> None:
    assert {k: list(t.shape) for k, t in encoder.vae.state_dict().items()} == official["time_vae"]


@pytest.mark.parametrize("t", TIMES)
def test_s1_posterior(
    encoder: TimeAwareEncoder, fill: ModuleType, arrays: Callable[[str], dict[str, Tensor]],
    agree: Callable[[Tensor, Tensor], None], t: int,
) -> None:  # fmt: skip
    want = arrays("tadsr_modules/time_aware_vae.npz")
    mean, log_variance = encoder.posterior(torch.from_numpy(fill.image(128, 192, 1)), torch.tensor([t]))
    agree(mean, want[f"mean_t{t}"])
    agree(log_variance, want[f"logvar_t{t}"])


def test_s1_told_apart_from_another_embedding(
    official: dict[str, Any], encoder: TimeAwareEncoder, fill: ModuleType, arrays: Callable[[str], dict[str, Tensor]]
) -> None:
    """Sines first would be another network."""
    other = deepcopy(encoder)
    other.waves.flip_sin_to_cos = False
    mean, _ = other.posterior(torch.from_numpy(fill.image(128, 192, 1)), torch.tensor([500]))
    assert (mean - arrays("tadsr_modules/time_aware_vae.npz")["mean_t500"]).abs().max() > 0.01


def test_s2_begins_as_the_plain_encoder() -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, **SHAPES["tiny"][1]
    ).eval()
    made = TimeAwareEncoder(deepcopy(vae)).eval()
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        want = vae.encode(x).latent_dist
        for t in (1, 500, 999):
            mean, log_variance = made.posterior(x, torch.tensor([t]))
            assert torch.equal(mean, want.mean)
            assert torch.equal(log_variance, want.logvar)
            assert torch.equal(made(x, torch.tensor([t, t])), want.mode() * vae.config.scaling_factor)


def test_s2_parameters_at_true_shapes() -> None:
    with torch.device("meta"):
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, **SHAPES["true"][1]
        )
        before = sum(p.numel() for p in vae.parameters())
        made = TimeAwareEncoder(vae)
    assert sum(p.numel() for p in made.parameters()) - before == 2_072_576


@pytest.mark.parametrize("t", [1, 100, 500, 999])
def test_s3_residual_one_step(fill: ModuleType, arrays: Callable[[str], dict[str, Tensor]], t: int) -> None:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alpha_bar = torch.cumprod(1 - betas, 0)[t]
    z, prediction = (torch.from_numpy(fill.latent(16, 24, 4, seed)).double() for seed in (2, 3))
    want = arrays("tadsr_modules/time_aware_vae.npz")[f"x0_t{t}"]
    got = residual(z, prediction, alpha_bar)
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()

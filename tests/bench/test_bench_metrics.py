"""Known answers for every measure of ours, and agreement with the neutral panel where it is here."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageFilter

from bench.errors import BenchError
from bench.metrics.colour import luma, opponent, to_tensor
from bench.metrics.gabor import magnitudes
from bench.metrics.lattice import lattice
from bench.metrics.panel import measure, prepare
from bench.metrics.patches import frechet, patch_features
from bench.metrics.structure import MS_SSIM_WEIGHTS, ms_ssim, psnr, ssim

Pixels = npt.NDArray[np.uint8]
PANEL = Path(__file__).resolve().parents[3] / "shared" / "eval" / "panel.py"


def flat(value: float, side: int = 176) -> torch.Tensor:
    return torch.full((1, 1, side, side), float(value))


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def test_luma_has_the_range_of_rgb() -> None:
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [10, 20, 200]]], np.uint8)
    assert luma(to_tensor(colours)).flatten().tolist() == pytest.approx([255, 0, 76.245, 37.53], abs=1e-3)
    grey = np.full((1, 1, 3), 90, np.uint8)
    assert opponent(to_tensor(grey)).flatten().tolist() == pytest.approx([90, 0, 0], abs=1e-4)


def test_psnr_of_known_errors() -> None:
    assert psnr(flat(100), flat(101)) == pytest.approx(20 * math.log10(255))
    assert psnr(flat(0), flat(255)) == pytest.approx(0)
    assert psnr(flat(7), flat(7)) == pytest.approx(20 * math.log10(255) + 90)


def test_ssim_of_flat_pictures_is_the_lightness_term() -> None:
    c1 = (0.01 * 255) ** 2
    expected = (2 * 50 * 100 + c1) / (50**2 + 100**2 + c1)
    assert ssim(flat(50), flat(100)) == pytest.approx(expected, rel=1e-4)
    # contrast is equal on every scale; lightness counts on the coarsest alone
    assert ms_ssim(flat(50), flat(100)) == pytest.approx(expected ** MS_SSIM_WEIGHTS[-1], rel=1e-4)


def test_structure_of_identical_inverted_and_small_pictures(photo: Callable[[int, int], Pixels]) -> None:
    y = luma(to_tensor(photo(192, 176)))
    assert ssim(y, y) == pytest.approx(1)
    assert ms_ssim(y, y) == pytest.approx(1)
    # grain about the middle grey, inverted: equal lightness, opposite structure
    grain = 127.5 + torch.from_numpy(np.random.default_rng(0).normal(0, 30, (1, 1, 64, 64))).float()
    inverted = ssim(grain, 255 - grain)
    assert inverted is not None
    assert inverted < -0.9
    assert ms_ssim(y[..., :160, :160], y[..., :160, :160]) is None
    assert ms_ssim(y[..., :161, :161], y[..., :161, :161]) == pytest.approx(1)
    assert ssim(y[..., :10, :], y[..., :10, :]) is None


def test_gabor_ignores_phase_and_knows_direction_and_amplitude() -> None:
    x = torch.arange(64.0).expand(1, 1, 64, 64)
    for phase in (0.0, 0.4, 1.3):
        wave = torch.cos(2 * math.pi / 4 * x + phase)
        (band,) = magnitudes(wave, 1)
        inner = band[0, :, 16:-16, 16:-16]
        assert int(inner.mean((1, 2)).argmax()) == 0
        assert float(inner[0].std() / inner[0].mean()) < 0.02
        (double,) = magnitudes(2 * wave, 1)
        assert torch.allclose(double, 2 * band, rtol=1e-4, atol=1e-5)
        (turned,) = magnitudes(wave.transpose(2, 3), 1)
        assert int(turned[0].mean((1, 2)).argmax()) == 3
    (nothing,) = magnitudes(torch.full((1, 1, 40, 40), 200.0), 1)
    assert float(nothing.max()) < 1e-3


def test_texture_and_sharpness(photo: Callable[[int, int], Pixels]) -> None:
    pixels = photo(192, 176)
    original = prepare(pixels)
    same = measure(original, original)
    assert same["texture"] == pytest.approx(0, abs=1e-6)
    assert same["sharp"] == pytest.approx(1)
    assert same["lattice"] == 0
    little, much = (measure(original, prepare(blurred(pixels, r))) for r in (0.7, 3))
    assert 0 < little["texture"] < much["texture"] < 1
    assert much["sharp"] < little["sharp"] < 1
    # a shift moves every phase and leaves the amounts of detail where they are
    shifted = measure(original, prepare(np.roll(pixels, 3, 1)))
    assert shifted["texture"] < little["texture"]
    assert shifted["psnr"] < much["psnr"]


def test_sharp_is_a_ratio_of_amplitudes() -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(-40, 41, (64, 64, 1)).repeat(3, 2)
    full, half = ((128 + k * noise).round().astype(np.uint8) for k in (2, 1))
    assert measure(prepare(full), prepare(half))["sharp"] == pytest.approx(0.5, abs=1e-3)


def test_lattice_of_a_comb() -> None:
    comb = torch.zeros(1, 1, 64, 128)
    comb[..., ::8] = 1
    # second differences by phase of 8: 2 on the tooth, 1 beside it, 0 elsewhere; 0.05 is the least roughness
    assert lattice(torch.zeros_like(comb), comb) == pytest.approx(2 / 0.05)
    assert lattice(comb, comb) == 0
    assert lattice(comb, torch.zeros_like(comb)) == 0
    tiny = torch.zeros(1, 1, 12, 12)
    assert lattice(tiny, tiny + 1) == 0


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 3))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + np.array([3, 0, 4])) == pytest.approx(25)
    # scaled by 2 about the mean: covariance C against 4 C, whose distance is the trace of C
    scaled = a.mean(0) + 2 * (a - a.mean(0))
    assert frechet(a, scaled) == pytest.approx(float(np.trace(np.cov(a, rowvar=False))))
    assert frechet(a[:1], a) is None


def test_patch_features_are_per_patch(photo: Callable[[int, int], Pixels]) -> None:
    colours = opponent(to_tensor(photo(200, 140)))
    features = patch_features(colours)
    assert features.shape == (6, 62)
    one = patch_features(opponent(to_tensor(np.full((64, 64, 3), 128, np.uint8))))
    # flat grey: no detail (log of the floor), no spread, mean 2 in units of 64, no contrast
    assert one[0, 0] == pytest.approx(math.log(0.5), abs=1e-3)
    assert one[0, -6:].tolist() == pytest.approx([2, 0, 0, 0, 0, 0], abs=1e-2)
    assert patch_features(colours[..., :63, :]).shape == (0, 62)


def test_unmeasurable_pictures_say_so() -> None:
    with pytest.raises(BenchError, match="too small"):
        prepare(np.zeros((15, 40, 3), np.uint8))
    small, large = prepare(np.zeros((20, 20, 3), np.uint8)), prepare(np.zeros((20, 21, 3), np.uint8))
    with pytest.raises(BenchError, match="the original"):
        measure(small, large)
    assert "ms_ssim" not in measure(small, small)


@pytest.mark.skipif(not PANEL.exists(), reason="the neutral panel (../shared/eval/panel.py) is not here")
@pytest.mark.slow
def test_agreement_with_the_neutral_panel(photo: Callable[[int, int], Pixels]) -> None:
    spec = importlib.util.spec_from_file_location("neutral_panel", PANEL)
    assert spec is not None
    assert spec.loader is not None
    panel: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(panel)
    for pixels in (photo(256, 192), photo(203, 177)):
        noisy = np.clip(pixels + np.random.default_rng(1).normal(0, 9, pixels.shape), 0, 255).astype(np.uint8)
        comb = pixels.copy()
        comb[:, ::8] //= 2
        a, original = to_tensor(pixels), prepare(pixels)
        for made in (blurred(pixels, 1.5), noisy, comb):
            b, decoded = to_tensor(made), prepare(made)
            oa, ob = panel.opponent(a), panel.opponent(b)
            theirs = {
                "psnr": panel.psnr(a, b), "psnr_y": panel.psnr(oa[:, :1], ob[:, :1]),
                "ms_ssim": panel.ms_ssim(oa[:, :1], ob[:, :1]), "lattice": panel.lattice(oa[:, :1], ob[:, :1]),
                "texture": panel.texture(oa, ob)[0], "sharp": panel.texture(oa, ob)[1],
            }  # fmt: skip
            ours = measure(original, decoded)
            assert {k: ours[k] for k in theirs} == pytest.approx(theirs, rel=1e-4, abs=1e-5)
            expected = panel.frechet(panel.patch_features(oa), panel.patch_features(ob))
            assert frechet(original.features, decoded.features) == pytest.approx(expected, rel=1e-4, abs=1e-3)

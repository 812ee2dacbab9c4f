"""What `train merge` does to a denoiser before a release, seen in the pixels that it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from codec.cli.train import train_command
from codec.errors import InputError
from codec.models.compact.configs import compact_config
from codec.models.compact.package import load_package, save_package
from codec.models.compact.v2.config import SHADING_FLOOR, CompactConfig
from codec.models.compact.v2.denoiser import shaded
from codec.models.compact.v2.model import CompactModel
from codec.training.compact.finishing import with_blended_borders
from codec.training.losses import luma

Change = Callable[..., torch.Tensor]


@pytest.fixture
def changed(tiny_second: Path, tmp_path: Path) -> Change:
    """What the denoiser adds to a picture, after `merge` with some options."""

    def change(*options: str, seed: int = 1) -> torch.Tensor:
        words = ["merge", str(tmp_path / "made"), str(tiny_second), "--shading", "0", *options]
        done = CliRunner().invoke(train_command, words)
        assert done.exit_code == 0, done.output
        model = load_package(tmp_path / "made", (4,))
        assert isinstance(model, CompactModel)
        draw = torch.Generator().manual_seed(0)
        lr, q = torch.rand(1, 3, 16, 16, generator=draw) * 2 - 1, torch.full((1, 1, 1, 1), 0.5)
        noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            given = model(lr, q, 4, torch.full((1, 1, 16, 16), 200.0), noise) - model(lr, q, 4)
        for path in (tmp_path / "made").iterdir():
            path.unlink()
        (tmp_path / "made").rmdir()
        return given

    return change


def colour(x: torch.Tensor) -> np.ndarray:
    """Of every pixel, less its luma: [3, cells, cells, 16]."""
    cells = torch.nn.functional.pixel_unshuffle(x - luma(x), 4)[0].view(3, 16, 16, 16)
    return cells.permute(0, 2, 3, 1).numpy()


def test_coarse_colour(changed: Change) -> None:
    before, after = changed(), changed("--colour", "0.5")
    assert torch.allclose(luma(before), luma(after), atol=2e-3)  # weights are stored in half precision
    assert np.abs(colour(before).std(3)).mean() > 0.01
    assert np.abs(colour(after).std(3)).max() < 2e-3
    assert np.allclose(colour(after).mean(3), colour(before).mean(3) / 2, atol=2e-3)


def test_less_noise(changed: Change) -> None:
    none, quiet, usual = ([changed(*words, seed=s) for s in (1, 2)] for words in (["--noise=0"], ["--noise=.5"], []))
    moved = [float((a - b).abs().mean()) for a, b in (none, quiet, usual)]
    assert moved[0] == 0
    assert 0.3 * moved[2] < moved[1] < 0.7 * moved[2]


def test_shading() -> None:
    """On red, what is drawn is red, green and blue in the proportion of the place; on grey, nothing changes."""
    draw = torch.Generator().manual_seed(0)
    change = torch.randn(1, 48, 8, 8, generator=draw) * 0.1
    grey = luma(torch.nn.functional.pixel_shuffle(change, 4)).expand(-1, 3, -1, -1)
    cells = torch.nn.functional.pixel_unshuffle(grey, 4)
    red = torch.tensor([0.5, -0.7, -0.8])[None, :, None].expand(1, 3, 16).reshape(1, 48, 1, 1).expand(1, 48, 8, 8)
    drawn = torch.nn.functional.pixel_shuffle(shaded(cells, red, 1.0), 4)
    assert torch.allclose(luma(drawn), grey[:, :1], atol=1e-6)
    light = (red[:, ::16, :1, :1] + 1 + SHADING_FLOOR) / (luma(red[:, ::16, :1, :1]) + 1 + SHADING_FLOOR)
    assert torch.allclose(drawn, grey * light, atol=1e-6)
    assert torch.allclose(shaded(cells, torch.full((1, 48, 8, 8), 0.3), 1.0), cells, atol=1e-6)
    black = torch.full((1, 48, 8, 8), -1.5)  # beyond what a pixel may be: still finite
    assert torch.isfinite(shaded(cells, black, 1.0)).all()


def test_shading_share(changed: Change) -> None:
    none, half, whole = changed(), changed("--shading", "0.5"), changed("--shading", "1")
    assert torch.allclose(luma(none), luma(whole), atol=2e-3)
    assert torch.allclose(half - none, (whole - none) / 2, atol=2e-3)
    assert float((whole - none).abs().mean()) > 0.01


def test_shading_comes_with_the_denoiser(tiny_second: Path, tmp_path: Path) -> None:
    def shading(target: str, *words: str | Path) -> float:
        done = CliRunner().invoke(train_command, ["merge", str(tmp_path / target), *map(str, words)])
        assert done.exit_code == 0, done.output
        return float(compact_config(tmp_path / target).to_dict()["shading"])

    assert shading("plain", tiny_second, "--shading", "0") == 0
    assert shading("a", tmp_path / "plain", tiny_second) == 0.75
    assert shading("b", tiny_second, tmp_path / "plain") == 0


def test_without_a_denoiser(tmp_path: Path) -> None:
    save_package(CompactModel(CompactConfig(scales=(4,), width=8, deep_width=8)), tmp_path / "reader")
    for option in ("--noise", "--colour", "--borders", "--shading"):
        words = ["merge", str(tmp_path / "made"), str(tmp_path / "reader"), option, "0"]
        done = CliRunner().invoke(train_command, words)
        assert done.exit_code == InputError.exit_code
        assert "no package has a denoiser" in done.output


def test_blended_borders(changed: Change) -> None:
    before, after = changed(), changed("--borders", "0.25")
    inner = torch.arange(64).view(16, 4)[:, 1:3].flatten()
    assert torch.allclose(before[..., inner, :][..., inner], after[..., inner, :][..., inner], atol=2e-3)
    for axis in (2, 3):
        steps = [torch.diff(x, dim=axis).abs().mean((0, 1, 5 - axis)) for x in (before, after)]
        across = [float(s[3::4].mean()) for s in steps]
        assert across[1] < 0.75 * across[0]


def test_blending_is_of_neighbours(tiny_second: Path) -> None:
    """Where features do not change from cell to cell nothing is lost beyond the kernel: every pixel is known."""
    model = load_package(tiny_second, (4,))
    assert isinstance(model, CompactModel)
    assert model.denoiser is not None
    out = model.denoiser.conv_out
    assert out.bias is not None
    with torch.no_grad():
        out.bias.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
        across = torch.rand(1, out.in_channels, 6, 1).expand(-1, -1, -1, 6)  # the same in every column
        before = torch.nn.functional.pixel_shuffle(out(across), 4)[..., 8:16, 8:16]
        with_blended_borders(model.denoiser, 0.25)
        after = torch.nn.functional.pixel_shuffle(out(across), 4)[..., 8:16, 8:16]
    columns = before.clone()
    columns[..., 3], columns[..., 4] = (0.75 * before[..., i] + 0.25 * before[..., 7 - i] for i in (3, 4))
    columns[..., 0] = 0.75 * before[..., 0] + 0.25 * before[..., 3]
    columns[..., 7] = 0.75 * before[..., 7] + 0.25 * before[..., 4]
    assert torch.allclose(after[..., 1:3, :], columns[..., 1:3, :], atol=1e-6)

"""Two passes of TUDSR on a tiny stand-in: what each sees, whose adapter is heard, how tiles join (checks U1 to U4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

from diffusers import AutoencoderKL, UNet2DConditionModel

from codec.geometry import Box, Size
from codec.models.sd21.adapters import is_adapter
from codec.models.sd21.backbone import find_parts, load_backbone
from codec.models.sd21.one_step import epsilon
from codec.models.sd21.tiles import run_tiles
from codec.models.tudsr.config import TudsrConfig, fresh_adapter_config, timesteps_of
from codec.models.tudsr.decoding import TudsrRestorer, _needed
from codec.models.tudsr.geometry import extended_lr
from codec.models.tudsr.package import load_package, load_weights
from codec.models.tudsr.passes import Part, Pass
from codec.models.tudsr.pipeline import TudsrPipeline


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def whole(x: torch.Tensor) -> Part:
    size = Size(x.shape[3], x.shape[2])
    return Part(x, Box(0, 0, size.width, size.height), size)


@pytest.fixture(scope="module")
def made(tiny_tudsr: Path) -> TudsrPipeline:
    return load_package(tiny_tudsr)


class TestU1Eq2:
    def test_constants(self, tiny_release: Path) -> None:
        """abar of SD 2.1's schedule at both timesteps of the paper, and what Eq. 2 makes of it."""
        schedule = load_backbone(find_parts(tiny_release / "backbone")).alphas_cumprod
        z, e = torch.tensor([1.0]), torch.tensor([1.0])
        for t, abar, signal, noise in (
            (200, 0.7536920452, 0.8681543902, 0.4962942220), (50, 0.9515769028, 0.9754880331, 0.2200524874)
        ):  # fmt: skip
            assert float(schedule[t]) == pytest.approx(abar, rel=1e-6)
            assert float(epsilon(z, e, schedule[t])) == pytest.approx((1 - noise) / signal, rel=1e-6)

    def test_a_pass_is_eq_2(self, made: TudsrPipeline) -> None:
        x = picture(64, 64)
        with torch.no_grad():
            z = made.encode(x)
            for number, t in enumerate((200, 50)):
                eps = made.denoisers(number, z, torch.tensor([t]))
                abar = made.alphas_cumprod[t]
                z0 = (z - (1 - abar).sqrt() * eps) / abar.sqrt()
                assert torch.allclose(made(number, x, t), made.latent_codec.decode_unclamped(z0), atol=1e-6)
                assert eps.abs().mean() > 0.01


class TestU2Sizes:
    def test_of_the_extended_lr(self) -> None:
        assert extended_lr(Size(96, 64), 4, 2) == Size(32, 32)  # LR 24x16; the first pass makes 64x64
        assert extended_lr(Size(131, 97), 4, 2) == Size(64, 32)
        assert extended_lr(Size(131, 97), 8, 4) == Size(32, 16)
        assert extended_lr(Size(1, 1), 64, 8) == Size(8, 8)

    def test_every_pass_enlarges(self, made: TudsrPipeline) -> None:
        lr = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        sizes = []

        def watch(_: Any, arguments: tuple[int, torch.Tensor, int], out: torch.Tensor) -> None:
            sizes.append((arguments[0], *arguments[1].shape[2:], *out.shape[2:]))

        handle = made.register_forward_hook(watch)
        restorer = TudsrRestorer(made)
        rows = np.concatenate(list(restorer.rows(lr, restorer.passes((200, 50)), Box(0, 0, 96, 64))))
        handle.remove()
        assert rows.shape == (64, 96, 3)
        assert sizes == [(0, 64, 64, 64, 64), (1, 128, 128, 128, 128)]


class TestU3Adapters:
    def test_back_to_the_first_is_equal_to_the_bit(self, made: TudsrPipeline) -> None:
        z, t = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([200, 200])
        with torch.no_grad():
            first, second, again = (made.denoisers(n, z, t) for n in (0, 1, 0))
        assert torch.equal(first, again)
        assert (first - second).abs().mean() > 1e-3

    def test_the_backbone_is_read_once(self, tiny_tudsr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []
        for kind in (UNet2DConditionModel, AutoencoderKL):
            read = kind.from_pretrained

            def counted(*words: Any, _read: Any = read, _kind: type = kind, **named: Any) -> Any:
                calls.append(_kind)
                return _read(*words, **named)

            monkeypatch.setattr(kind, "from_pretrained", counted)
        pipeline = load_package(tiny_tudsr)
        with torch.no_grad():
            for number in (0, 1, 0, 1):
                pipeline.denoisers(number, torch.zeros(1, 4, 8, 8), torch.tensor([50]))
        assert calls == [UNet2DConditionModel, AutoencoderKL]

    def test_memory_is_the_backbone_and_two_adapters(self, tiny_tudsr: Path, tiny_release: Path) -> None:
        pipeline = load_package(tiny_tudsr)
        backbone = load_backbone(find_parts(tiny_release / "backbone"))
        weights, _ = load_weights(tiny_tudsr)

        def size(tensors: Any) -> int:
            return sum(t.numel() * t.element_size() for t in tensors)

        assert size(pipeline.parameters()) == size(backbone.unet.parameters()) + size(backbone.vae.parameters()) + sum(
            size(adapter.values()) for adapter in weights.adapters
        )

    @pytest.mark.slow
    def test_merged_copies_give_the_same(self, tiny_tudsr: Path) -> None:
        shared, merged = load_package(tiny_tudsr), load_package(tiny_tudsr)
        merged.denoisers.merge()
        assert shared.denoisers.shared
        assert not merged.denoisers.shared
        assert not any(is_adapter(n) for n, _ in merged.named_parameters())
        z = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            for number in (0, 1, 0):
                one, other = (p.denoisers(number, z, torch.tensor([200])) for p in (shared, merged))
                assert torch.allclose(one, other, atol=1e-4)

    def test_switching_leaves_alone_what_is_trained(self, tiny_tudsr: Path) -> None:
        pipeline = load_package(tiny_tudsr)
        names = [n for n, _ in pipeline.named_parameters() if ".second." in n]
        for name, tensor in pipeline.named_parameters():
            tensor.requires_grad_(name in names)
        for number in (0, 1, 0):
            pipeline.denoisers(number, torch.zeros(1, 4, 8, 8), torch.tensor([50]))
            assert [n for n, t in pipeline.named_parameters() if t.requires_grad] == names


class TestU4Between:
    def test_bilinear(self) -> None:
        x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None].repeat(1, 3, 1, 1) / 4
        made = whole(x).enlarged(2, "bilinear", Box(0, 0, 4, 4))
        want = [[0, 0.25, 0.75, 1], [0.5, 0.75, 1.25, 1.5], [1.5, 1.75, 2.25, 2.5], [2, 2.25, 2.75, 3]]
        assert (made[0, 0] * 4).tolist() == want

    def test_the_second_pass_is_fed_the_first_s_result(self, made: TudsrPipeline) -> None:
        lr = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        inputs = []
        handle = made.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[1].clone()))
        restorer = TudsrRestorer(made)
        list(restorer.rows(lr, restorer.passes((200, 50)), Box(0, 0, 128, 128)))
        handle.remove()
        x = torch.from_numpy(lr).permute(2, 0, 1)[None] / 127.5 - 1
        first = torch.nn.functional.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False).clamp(-1, 1)
        assert torch.equal(inputs[0], first)
        with torch.no_grad():
            m = made(0, first, 200).clamp(-1, 1)
        second = torch.nn.functional.interpolate(m, scale_factor=2, mode="bilinear", align_corners=False)
        assert torch.allclose(inputs[1], second, atol=1e-6)


class TestTiles:
    """Section 9.6, step 5, with a cheap function of a tile in place of the networks."""

    @staticmethod
    def network(x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean((2, 3), keepdim=True)) * 0.7

    def test_as_the_text_says(self) -> None:
        x = picture(272, 400)
        step = Pass(2, "bilinear", self.network)
        rows = torch.cat(list(step.rows(whole(x), Box(0, 0, 800, 544))), 1)
        large = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        want = torch.zeros(3, 544, 800, dtype=torch.float64)
        total = torch.zeros(544, 800, dtype=torch.float64)
        line = torch.exp(-50 * ((torch.arange(512, dtype=torch.float64) - 255.5) / 512) ** 2)
        window = line[:, None] * line[None]
        for top in (0, 32):
            for left in (0, 288):
                tile = large[:, :, top : top + 512, left : left + 512]
                want[:, top : top + 512, left : left + 512] += self.network(tile).clamp(-1, 1)[0].double() * window
                total[top : top + 512, left : left + 512] += window
        assert torch.allclose(rows.double(), want / total, atol=1e-5)
        again = run_tiles(large, step.plan(Size(400, 272)), 1, lambda tiles, _: self.network(tiles))
        assert torch.allclose(rows, again[0], atol=1e-5)

    @pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
    @pytest.mark.parametrize(
        "area", [Box(0, 0, 1, 1), Box(700, 10, 60, 40), Box(333, 500, 400, 524), Box(1, 1, 1150, 9)]
    )
    def test_a_region_is_a_part_of_the_whole(self, area: Box, kernel: str) -> None:
        first, second = Pass(2, kernel, self.network), Pass(2, "bilinear", self.network)
        lr = whole(picture(256, 288, 3))
        restorer_rows = torch.cat(list(second.rows(first.whole(lr, Box(0, 0, 576, 512)), Box(0, 0, 1152, 1024))), 1)
        (needed,) = _needed((first, second), lr.size, area)
        part = torch.cat(list(second.rows(first.whole(lr, needed), area)), 1)
        assert torch.equal(part, restorer_rows[:, area.y : area.y + area.height, area.x : area.x + area.width])


def test_realism_moves_both_timesteps() -> None:
    assert timesteps_of((200, 50), 1.0) == (200, 50)
    assert timesteps_of((200, 50), 0.0) == (10, 10)
    assert timesteps_of((200, 50), 0.5) == (105, 30)
    assert timesteps_of((200, 50), 0.5, 300.0) == (300, 30)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"split": [3, 2]}, "split"), ({"split": []}, "split"), ({"split": [2, 2, 2]}, "split"),
     ({"split": [2]}, "timesteps"), ({"timesteps": [200, 5]}, "timesteps"), ({"family": "tadsr"}, "family"),
     ({"adapters": []}, "adapters"), ({"more": 1}, "more")],
    ids=str,
)  # fmt: skip
def test_what_a_config_may_say(change: dict[str, Any], words: str) -> None:
    from codec.errors import ModelError

    config = TudsrConfig(split=(2, 2), adapters=tuple(fresh_adapter_config(n) for n in (0, 1)))
    assert TudsrConfig.from_dict(config.to_dict()) == config
    assert config.scale == 4
    with pytest.raises(ModelError, match=words):
        TudsrConfig.from_dict(config.to_dict() | change)

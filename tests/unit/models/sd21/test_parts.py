"""Parts of the `sd21` family that need no reference data, at small widths."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from codec.errors import InputError, ModelError
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.config import AdapterConfig, PredictorConfig, RescalerConfig, SchedulerConfig, Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.inn import InvertibleBlock
from codec.models.sd21.loading import load_exact
from codec.models.sd21.predictor import TimestepPredictor
from codec.models.sd21.scheduler import TimeScheduler
from codec.models.sd21.tiles import run_tiles
from codec.tiling.grid import plan_tiles
from codec.tiling.window import plan_blend


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class TestRounding:
    def test_every_sample_survives(self) -> None:
        samples = torch.arange(256, dtype=torch.uint8)
        values = from_uint8(samples)
        assert values.dtype == torch.float32
        assert (values[0].item(), values[-1].item()) == (-1.0, 1.0)
        assert torch.equal(to_uint8(values), samples)

    def test_rounds_to_nearest_and_clamps(self) -> None:
        step = 2 / 255
        values = torch.tensor([-5.0, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.4 * step, 5.0])
        assert to_uint8(values).tolist() == [0, 0, 1, 255, 255]

    def test_half_precision_is_rounded_in_float32(self) -> None:
        assert to_uint8(torch.tensor([0.5], dtype=torch.bfloat16)).tolist() == [191]


class TestConfig:
    def test_defaults_are_published(self) -> None:
        config = Sd21Config()
        assert (config.unet_adapter.rank, config.vae_adapter.rank) == (48, 16)
        assert (config.scheduler.fixed_timestep, config.predictor.t_min, config.predictor.t_max) == (50, 10, 200)

    def test_json_round_trip(self) -> None:
        config = Sd21Config(
            rescaler=RescalerConfig(scale=8, blocks=2), unet_adapter=AdapterConfig(rank=4, targets=("a",), name="b")
        )
        assert Sd21Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config

    @pytest.mark.parametrize(
        "fields",
        [{"family": "compact"}, {"rescaler": {"scale": 3}}, {"rescaler": {"size": 1}}, {"rescaler": 4}, {"more": 1}],
    )
    def test_bad_fields(self, fields: dict[str, object]) -> None:
        with pytest.raises(ModelError, match="config"):
            Sd21Config.from_dict(fields)


class TestLoadExact:
    def test_loads_all_or_changes_nothing(self) -> None:
        layer = nn.Linear(2, 3)
        before = layer.weight.clone()
        with pytest.raises(ModelError, match=r"x: 1 tensors missing \(bias\); 1 tensors unexpected \(Bias\)"):
            load_exact(layer, {"weight": torch.ones(3, 2), "Bias": torch.ones(3)}, "x")
        with pytest.raises(ModelError, match=r"bias \(1,\), expected \(3,\)"):
            load_exact(layer, {"weight": torch.ones(3, 2), "bias": torch.ones(1)}, "x")
        with pytest.raises(ModelError, match="'bias' is a float, expected a tensor"):
            load_exact(layer, {"weight": torch.ones(3, 2), "bias": 1.0}, "x")
        assert torch.equal(layer.weight, before)
        load_exact(layer, {"weight": torch.ones(3, 2).half(), "bias": torch.ones(3)}, "x")
        assert torch.equal(layer.weight, torch.ones(3, 2))

    def test_a_part_of_a_module(self) -> None:
        layer = nn.Linear(2, 3)
        before = layer.weight.clone()
        load_exact(layer, {"bias": torch.ones(3)}, "x", lambda name: name == "bias")
        assert torch.equal(layer.bias, torch.ones(3))
        assert torch.equal(layer.weight, before)
        with pytest.raises(ModelError, match=r"unexpected \(weight\)"):
            load_exact(layer, {"bias": torch.ones(3), "weight": before}, "x", lambda name: name == "bias")


class TestRescaler:
    @pytest.mark.parametrize("scale", [4, 8, 16, 32])
    def test_sizes(self, scale: int) -> None:
        config = RescalerConfig(scale=scale, pixel_width=4, latent_width=16, blocks=1, inn_blocks=1, inn_growth=4)
        rescaler = Rescaler(config).eval()
        lr = rescaler.down(torch.zeros(1, 3, 64, 128), torch.zeros(1, 4, 8, 16))
        assert tuple(lr.shape) == (1, 3, 64 // scale, 128 // scale)
        assert tuple(rescaler.up(lr).shape) == (1, 4, 8, 16)

    def test_training_mode_adds_no_noise(self) -> None:
        config = RescalerConfig(scale=8, pixel_width=4, latent_width=16, blocks=1, inn_blocks=1, inn_growth=4)
        rescaler = Rescaler(config)
        x, z = torch.rand(1, 3, 32, 32), torch.rand(1, 4, 4, 4)
        assert torch.equal(rescaler.train().down(x, z), rescaler.eval().down(x, z))

    def test_invertible_block(self) -> None:
        block = InvertibleBlock(growth=4, clamp=1.0)
        x = torch.randn(2, 3, 5, 7)
        assert torch.equal(block(x), x)  # before it is trained
        for parameter in block.parameters():
            nn.init.normal_(parameter, std=0.1)
        assert (block(x) - x).abs().max() > 0.1
        torch.testing.assert_close(block.inverse(block(x)), x, atol=1e-5, rtol=0)


class TestTimes:
    def test_predicted_timesteps_stay_in_range(self) -> None:
        predictor = TimestepPredictor(PredictorConfig(width=4, blocks=1, hidden=8, hidden_layers=2))
        t = predictor(1e4 * torch.randn(6, 4, 8, 8))
        assert t.shape == (6,)
        assert ((t >= 10) & (t <= 200)).all()

    def test_the_scheduler_starts_from_the_fixed_term(self) -> None:
        """Eq. 9 by hand at t0, and a learned term that is zero until it is trained."""
        abar = torch.linspace(0.999, 0.01, 100)
        scheduler = TimeScheduler(SchedulerConfig(width=8, blocks=1, fixed_timestep=50), abar)
        z, eps, t = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8), torch.tensor([20.0, 180.0])
        expected = (z - (1 - abar[50]) ** 0.5 * eps) / abar[50] ** 0.5
        torch.testing.assert_close(scheduler(z, eps, t), expected)
        assert "alpha_bar" not in scheduler.state_dict()

    def test_fixed_timestep_outside_the_schedule(self) -> None:
        with pytest.raises(ModelError, match="expected 0 to 9"):
            TimeScheduler(SchedulerConfig(), torch.linspace(0.9, 0.1, 10))


class TestRunTiles:
    @pytest.mark.parametrize("batch", [1, 3, 100])
    @pytest.mark.parametrize("factor", [1, 2])
    def test_blending_equal_tiles_gives_the_picture_back(self, batch: int, factor: int) -> None:
        z = torch.randn(2, 3, 21, 34)

        def enlarge(tiles: Tensor, numbers: slice) -> Tensor:
            assert len(tiles) == numbers.stop - numbers.start
            return tiles.repeat_interleave(factor, 2).repeat_interleave(factor, 3)

        plan = plan_blend(plan_tiles(21, 34, 8, 4), factor)
        torch.testing.assert_close(run_tiles(z, plan, batch, enlarge), enlarge(z, slice(0, 2)), atol=1e-5, rtol=1e-5)

    def test_one_tile_is_not_touched(self) -> None:
        z = torch.randn(2, 3, 8, 8)
        for plan in (None, plan_blend(plan_tiles(8, 8, 16, 4))):
            assert torch.equal(run_tiles(z, plan, 1, lambda tiles, _: tiles), z)

    def test_bad_plans(self) -> None:
        z, plan = torch.randn(1, 1, 12, 12), plan_blend(plan_tiles(12, 12, 8, 0))
        with pytest.raises(InputError, match="weights for"):
            run_tiles(z, plan, 1, lambda tiles, _: tiles[:, :, 1:])
        with pytest.raises(InputError, match="plan is for 12x12"):
            run_tiles(z[..., 1:], plan, 1, lambda tiles, _: tiles)
        with pytest.raises(InputError, match="batch"):
            run_tiles(z, plan, 0, lambda tiles, _: tiles)

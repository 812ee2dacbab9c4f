"""The whole published decoder on the small stand-in for Stable Diffusion."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

import codec
from codec.codings import Coding
from codec.container.constants import GridPreset
from codec.container.file import Header, TadmFile
from codec.container.writer import write
from codec.errors import InputError, ModelError
from codec.geometry import Size, lr_size
from codec.models.device import resolve_device
from codec.models.package import open_package
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.backbone import Backbone, find_parts, load_backbone
from codec.models.sd21.geometry import LATENT_OVERLAP, LATENT_TILE, latent_size
from codec.models.sd21.importing import import_tadm
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.release import build_pipeline, read_release
from codec.payload.registry import payload_for
from codec.tiling.grid import plan_tiles
from codec.tiling.window import BlendPlan, plan_blend

Check = Callable[[Tensor, Tensor], None]
#: Latents here hold values of about 1 and pixels lie in [-1, 1]: float32 sums in another order stay below this.
REORDERED = 2e-5


def backbone_of(folder: Path) -> Backbone:
    return load_backbone(find_parts(folder / "backbone"))


def load(folder: Path, scale: int, *, merge: bool = False) -> Sd21Pipeline:
    """The family from what `tiny_backbone` wrote into a folder."""
    release = read_release(
        torch.load(folder / "dfrm.pkl", weights_only=True), torch.load(folder / "tadm.pkl", weights_only=True), scale
    )
    prompt = torch.from_numpy(np.load(folder / "prompt.npy"))
    return build_pipeline(backbone_of(folder), release, prompt, merge=merge)


def plan_for(size: Size, tile: int = LATENT_TILE, overlap: int = LATENT_OVERLAP, factor: int = 1) -> BlendPlan:
    """Tiles of a picture's latent; the published ones unless told otherwise."""
    latent = latent_size(size)
    return plan_blend(plan_tiles(latent.height, latent.width, tile, overlap), factor)


@pytest.fixture(scope="module")
def folder(tiny_backbone: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny16")
    tiny_backbone.build(made, 16, 0)
    return made


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Sd21Pipeline:
    return load(folder, 16)


@pytest.fixture(scope="module")
def expected(arrays: Callable[[str], dict[str, Tensor]]) -> dict[str, Tensor]:
    return arrays("tadm_pipeline_x16.npz")


@pytest.fixture(scope="module")
def stored(expected: dict[str, Tensor]) -> Tensor:
    return from_uint8(expected["lr_uint8"])


class TestAgainstThePublishedDecoder:
    def test_lr(self, pipeline: Sd21Pipeline, expected: dict[str, Tensor], fill: ModuleType, same_lr: Check) -> None:
        x = torch.from_numpy(fill.image(256, 384, 1))
        same_lr(to_uint8(pipeline.encode(x)), expected["lr_uint8"])

    @pytest.mark.parametrize("merge", [False, True])
    def test_pixels(self, folder: Path, expected: dict[str, Tensor], stored: Tensor, agree: Check, merge: bool) -> None:
        size = Size(384, 256)
        result = load(folder, 16, merge=merge).decode(stored, size, plan=plan_for(size))
        agree(result.z_hat, expected["zhat"])
        agree(result.t.flatten(), expected["timestep"])
        agree(result.x_hat, expected["hr"])


@pytest.mark.slow
def test_a_file_decodes_as_published(folder: Path, expected: dict[str, Tensor], tmp_path: Path) -> None:
    """From the release's files to a package, from the reference LR to a `.tadm` file, from that to 8-bit pixels."""
    import_tadm(
        tmp_path / "x16", backbone=str(folder / "backbone"), dfrm=folder / "dfrm.pkl", tadm=folder / "tadm.pkl",
        scale=16, prompt=folder / "prompt.npy",
    )  # fmt: skip
    package = open_package(tmp_path / "x16")
    lr = expected["lr_uint8"][0].permute(1, 2, 0).numpy()
    header = Header(
        size=Size(384, 256), scale=16, coding=Coding.PNG, quality=100, grid=GridPreset.LATENT_96_32,
        model_id=package.model_id(16),
    )  # fmt: skip
    payload = payload_for(Coding.PNG).encode(lr, quality=100, effort="default", chroma="auto")
    data = write(TadmFile(header=header, slab=Size(24, 16), payloads=[payload]))
    image, hr = codec.decode(data, model=str(package.folder)), to_uint8(expected["hr"])[0].permute(1, 2, 0).numpy()
    difference = np.abs(np.asarray(image).astype(int) - hr.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    np.testing.assert_allclose(np.array(image.info["timesteps"]).flatten(), expected["timestep"].numpy(), rtol=2e-4)


class TestTiling:
    SIZE = Size(384, 256)

    def test_a_picture_of_one_tile_does_not_depend_on_the_tile(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        whole = pipeline.decode(stored, self.SIZE, plan=None)
        for tile in (48, 96):
            result = pipeline.decode(stored, self.SIZE, plan=plan_for(self.SIZE, tile))
            assert torch.equal(result.x_hat, whole.x_hat)
            assert result.t.shape == (1, 1, 1)

    @pytest.mark.parametrize("batch", [2, 4, 15])
    @pytest.mark.slow
    def test_batches_change_nothing_but_rounding(self, pipeline: Sd21Pipeline, stored: Tensor, batch: int) -> None:
        plan = plan_for(self.SIZE, 16, 8)
        assert plan.count == 15
        one = pipeline.decode(stored, self.SIZE, plan=plan, batch=1)
        many = pipeline.decode(stored, self.SIZE, plan=plan, batch=batch)
        torch.testing.assert_close(many.t, one.t, atol=1e-3, rtol=0)
        torch.testing.assert_close(many.z0, one.z0, atol=REORDERED, rtol=0)
        torch.testing.assert_close(many.x_hat, one.x_hat, atol=10 * REORDERED, rtol=0)

    def test_several_tiles_equal_each_tile_alone_blended(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        """The same blend by other means: whole-picture arrays of unnormalised weights, divided at the end."""
        plan = plan_for(self.SIZE, 24, 8)
        z_hat = pipeline.read(stored)
        t = pipeline.predict(z_hat, plan)
        got = pipeline.denoise(z_hat, t, plan)
        x = (np.arange(24) - 11.5) / 24
        window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / 0.02)
        total, weights = np.zeros((1, 4, 32, 48)), np.zeros((32, 48))
        for top in (0, 8):
            for left in (0, 16, 24):
                area = np.s_[..., top : top + 24, left : left + 24]
                z0 = pipeline.denoise(z_hat[area], pipeline.predict(z_hat[area], None), None)
                total[area] += z0.numpy() * window
                weights[area] += window
        assert t.shape == (1, 2, 3)
        assert len(set(t.flatten().tolist())) == 6
        np.testing.assert_allclose(got.numpy(), total / weights, atol=REORDERED, rtol=0)

    @pytest.mark.slow
    def test_pictures_of_a_batch_do_not_see_each_other(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        plan = plan_for(self.SIZE, 24, 8)
        pair = torch.cat([stored, stored.flip(3)])
        both = pipeline.decode(pair, self.SIZE, plan=plan, batch=5)
        assert both.t.shape == (2, 2, 3)
        for i in range(2):
            alone = pipeline.decode(pair[i : i + 1], self.SIZE, plan=plan)
            torch.testing.assert_close(both.x_hat[i : i + 1], alone.x_hat, atol=10 * REORDERED, rtol=0)

    def test_given_timesteps_win(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        plan = plan_for(self.SIZE, 24, 8)
        predicted = pipeline.decode(stored, self.SIZE, plan=plan)
        again = pipeline.decode(stored, self.SIZE, plan=plan, timesteps=predicted.t)
        other = pipeline.decode(stored, self.SIZE, plan=plan, timesteps=torch.full((1, 2, 3), 30.0))
        torch.testing.assert_close(again.x_hat, predicted.x_hat, atol=0, rtol=0)
        assert (other.x_hat - predicted.x_hat).abs().max() > 1e-3
        with pytest.raises(InputError, match=r"shape is \(1, 1, 1\), expected \(1, 2, 3\)"):
            pipeline.decode(stored, self.SIZE, plan=plan, timesteps=torch.full((1, 1, 1), 30.0))

    def test_vae_in_tiles(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        """One tile is the whole; several are near it, not equal, as normalisation sees less."""
        whole = pipeline.decode(stored, self.SIZE, plan=None).x_hat
        one = pipeline.decode(stored, self.SIZE, plan=None, vae_plan=plan_for(self.SIZE, factor=8)).x_hat
        several = pipeline.decode(stored, self.SIZE, plan=None, vae_plan=plan_for(self.SIZE, 32, 16, factor=8)).x_hat
        assert torch.equal(one, whole)
        assert several.shape == whole.shape
        assert (several - whole).abs().mean() < 0.1

    def test_progress_counts_tiles(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        seen: list[tuple[int, int]] = []
        pipeline.decode(
            stored, self.SIZE, plan=plan_for(self.SIZE, 24, 8), batch=4, progress=lambda *done: seen.append(done)
        )
        assert seen == [(4, 6), (6, 6)]

    def test_plans_that_do_not_fit(self, pipeline: Sd21Pipeline, stored: Tensor) -> None:
        with pytest.raises(InputError, match="tile plan is for 40x48 cells"):
            pipeline.decode(stored, self.SIZE, plan=plan_for(Size(384, 320)))
        with pytest.raises(InputError, match="expected multiples of 8"):
            pipeline.decode(stored, self.SIZE, plan=plan_for(self.SIZE, 20, 4))


@pytest.fixture(scope="module", params=[(4, 1), (8, 0), (16, 2), (32, 3)], ids=lambda made: f"x{made[0]}-seed{made[1]}")
def other(
    request: pytest.FixtureRequest, tiny_backbone: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Sd21Pipeline:
    """The other scales, from other seeds."""
    scale, seed = request.param
    made = tmp_path_factory.mktemp(f"tiny{scale}")
    tiny_backbone.build(made, scale, seed)
    return load(made, scale)


@pytest.mark.parametrize(("height", "width"), [(97, 131), (64, 65), (33, 200), (1, 7)])
def test_any_scale_size_and_seed(other: Sd21Pipeline, fill: ModuleType, height: int, width: int) -> None:
    size = Size(width, height)
    x = torch.from_numpy(fill.image(height, width, 5))
    lr = to_uint8(other.encode(x))
    cut = lr_size(size, other.scale)
    assert tuple(lr.shape) == (1, 3, cut.height, cut.width)
    result = other.decode(from_uint8(lr), size, plan=plan_for(size, 16, 8))
    assert result.x_hat.shape == x.shape
    assert result.x_hat.isfinite().all()
    assert result.x_hat.abs().max() <= 1
    assert ((result.t >= 10) & (result.t <= 200)).all()


def test_the_lr_of_the_padded_picture_is_taken_too(other: Sd21Pipeline, fill: ModuleType) -> None:
    x, size = torch.from_numpy(fill.image(97, 131, 6)), Size(131, 97)
    whole, cut = other.encode_padded(x), other.encode(x)
    assert tuple(whole.shape) == (1, 3, 128 // other.scale, 192 // other.scale)
    assert torch.equal(whole[:, :, : cut.shape[2], : cut.shape[3]], cut)
    assert other.decode(whole, size, plan=None).x_hat.shape == x.shape
    with pytest.raises(InputError, match="for 131x97"):
        other.decode(whole[:, :, 1:], size, plan=None)


class TestLoading:
    @pytest.mark.slow
    def test_nothing_is_left_out_or_ignored(self, folder: Path) -> None:
        dfrm = torch.load(folder / "dfrm.pkl", weights_only=True)
        tadm = torch.load(folder / "tadm.pkl", weights_only=True)
        prompt = torch.zeros(1, 77, 32)
        adapter = next(iter(tadm["state_dict_vae"]))
        for change, words in (
            ({"state_dict_unet": {**tadm["state_dict_unet"], "stray": torch.zeros(1)}}, "unexpected .stray"),
            (
                {"state_dict_vae": {k: v for k, v in tadm["state_dict_vae"].items() if k != adapter}},
                "1 tensors missing",
            ),
            ({"state_dict_refiner": {}}, "32 tensors missing .*and 27 more"),
            ({"state_dict_timemapping": None}, "state_dict_timemapping is a NoneType"),
            ({"rank_unet": 5}, "of another shape"),
            ({"unet_lora_target_modules": ["nowhere"]}, "does not fit the network"),
        ):
            with pytest.raises(ModelError, match=words):
                build_pipeline(backbone_of(folder), read_release(dfrm, {**tadm, **change}, 16), prompt)
        with pytest.raises(ModelError, match="rescaler checkpoint for scale 8"):
            build_pipeline(backbone_of(folder), read_release(dfrm, tadm, 8), prompt)
        with pytest.raises(ModelError, match="prompt embedding"):
            build_pipeline(backbone_of(folder), read_release(dfrm, tadm, 16), prompt[:, :, :31])

    def test_backbones_that_cannot_be_used(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="unet is not readable"):
            load_backbone(find_parts(tmp_path))
        broken = tmp_path / "backbone"
        shutil.copytree(folder / "backbone", broken)
        config = broken / "scheduler" / "scheduler_config.json"
        config.write_text(config.read_text().replace("epsilon", "v_prediction"))
        with pytest.raises(ModelError, match="'v_prediction', expected 'epsilon'"):
            load_backbone(find_parts(broken))
        weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
        tensors = load_file(weights)
        bias = tensors.pop("decoder.conv_in.bias")
        save_file(tensors, weights)
        with pytest.raises(ModelError, match=r"missing keys: .*decoder\.conv_in\.bias"):
            load_backbone(find_parts(broken))
        save_file({**tensors, "decoder.conv_in.bias": bias[1:]}, weights)
        with pytest.raises(ModelError, match=r"vae is not readable .*size mismatch"):
            load_backbone(find_parts(broken))


@pytest.mark.slow
def test_half_precision_leaves_the_lr_alone(folder: Path, pipeline: Sd21Pipeline, stored: Tensor) -> None:
    """In bfloat16 only the U-Net and the VAE's decoder round more coarsely."""
    size = Size(384, 256)
    half = load(folder, 16).place(resolve_device("cpu"), torch.bfloat16)
    x = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    assert torch.equal(half.encode(x), pipeline.encode(x))
    got, full = half.decode(stored, size, plan=None), pipeline.decode(stored, size, plan=None)
    assert torch.equal(got.z_hat, full.z_hat)
    assert torch.equal(got.t, full.t)
    assert got.x_hat.dtype == torch.float32
    # The mean, as the stand-in's random weights enlarge single roundings: their largest is about 0.7.
    assert 0 < (got.x_hat - full.x_hat).abs().mean() < 0.1


def test_the_same_picture_gives_the_same_lr(pipeline: Sd21Pipeline) -> None:
    """The posterior's mode, in training mode too: nothing is drawn."""
    x = torch.linspace(-1, 1, 3 * 64 * 128).reshape(1, 3, 64, 128)
    first = pipeline.encode(x)
    try:
        assert torch.equal(pipeline.train().encode(x), first)
    finally:
        pipeline.eval()

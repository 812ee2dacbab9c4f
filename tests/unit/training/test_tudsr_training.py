"""TUDSR's training on a tiny backbone and a tiny random transformer: what moves, in which order, stopping and going on
(checks U5, U9, U10).
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

import codec
from codec.cli import main
from codec.errors import InputError, ModelError
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.backbone import find_parts
from codec.models.sd21.prompt import read_prompt
from codec.models.tudsr.package import load_package, load_weights
from codec.training.coding import downscale
from codec.training.frozen import Features, TappedFeatures, VitFeatures, frozen_features
from codec.training.heads import BlurPool, MultiLevelHeads
from codec.training.loop import Run, train
from codec.training.sd21.degradation import degraded, enlarged
from codec.training.tudsr.config import TudsrStageConfig
from codec.training.tudsr.stage import TudsrStage
from codec.training.tudsr.trainable import Enlarger
from tests.unit.training.showing import learn_to_show_both_sizes, octaves

CPU = torch.device("cpu")
CONFIGS = Path(__file__).resolve().parents[3] / "codec" / "training" / "configs"
FIRST = TudsrStageConfig(
    kind="tudsr_first", crop=64, chunk=64, steps=4, accumulate=1, rate=1e-3, critic_rate=1e-3, rank=4, log_steps=1,
    evaluate_steps=0, held_out=2, checkpointing=False, edge_term="l1", layers=(1, 2, 3),
)  # fmt: skip
SECOND = replace(FIRST, kind="tudsr_second", crop=128)


def vit(kind: str = "dinov3") -> Any:
    """Three blocks, sixteen wide."""
    from transformers import Dinov2Config, Dinov2Model, DINOv3ViTConfig, DINOv3ViTModel

    torch.manual_seed(3)
    shape: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 64}
    if kind == "dinov3":
        return DINOv3ViTModel(DINOv3ViTConfig(**shape, intermediate_size=32, patch_size=16, num_register_tokens=4))
    return Dinov2Model(Dinov2Config(**shape, mlp_ratio=2, patch_size=14))


def convolutions() -> tuple[nn.Module, tuple[str, ...]]:
    """A network with named taps, as users bring one."""
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers), ("0", "3")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photo: Callable[[int, int], np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("store")
    squares = np.stack([photo(128 + i, 128)[:, :128] for i in range(6)])
    np.save(folder / "hr_128.npy", squares[:4])
    np.save(folder / "holdout_hr_128.npy", squares[4:])
    return folder


@pytest.fixture(scope="module")
def first_package(tiny_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage leaves behind."""
    from bench.random_sd21 import make_tudsr

    folder = tmp_path_factory.mktemp("packages") / "first"
    make_tudsr(folder, tiny_release, split=(2,), rank=4)
    return folder


def first(release: Path, store: Path, config: TudsrStageConfig = FIRST, features: Features | None = None) -> TudsrStage:
    enlarger = Enlarger.fresh(find_parts(release / "backbone"), read_prompt(release / "prompt.npy"), config)
    return TudsrStage(config, enlarger, features or VitFeatures(vit(), config.layers), store, CPU)


def second(package: Path, store: Path, config: TudsrStageConfig = SECOND) -> TudsrStage:
    return TudsrStage(config, Enlarger.from_package(package, config), VitFeatures(vit(), config.layers), store, CPU)


def felt(made: TudsrStage) -> None:
    """Factors that begin at zero would keep their partners without gradient."""
    for name, tensor in made.tensors().items():
        if "lora_B" in name:
            tensor.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(1))


def with_gradient(module: nn.Module) -> set[str]:
    return {n for n, t in module.named_parameters() if t.grad is not None and t.grad.abs().sum() > 0}


class TestU5Features:
    @pytest.mark.parametrize(("kind", "patch", "before"), [("dinov3", 16, 5), ("dinov2", 14, 1)])
    def test_they_are_the_blocks_patches(self, kind: str, patch: int, before: int) -> None:
        network = vit(kind)
        made, x = VitFeatures(network, (1, 3)), torch.rand(2, 3, 64, 80) * 2 - 1
        assert made.widths == (16, 16)
        h, w = 64 // patch, 80 // patch
        with torch.no_grad():
            states = network(
                pixel_values=made.normalised(x[:, :, : h * patch, : w * patch]), output_hidden_states=True
            ).hidden_states
            maps = made(x)
        for layer, found in zip((1, 3), maps, strict=True):
            assert found.shape == (2, 16, h, w)
            assert states[layer].shape[1] == before + h * w  # class and register tokens come first, and are gone
            assert torch.equal(found.flatten(2).transpose(1, 2), states[layer][:, before:])

    @pytest.mark.slow
    def test_gradient_passes_and_nothing_moves(self, tiny_release: Path, store: Path) -> None:
        made = first(tiny_release, store)
        begin = {n: t.clone() for n, t in made.features.state_dict().items()}
        x = torch.rand(1, 3, 64, 64, requires_grad=True)
        torch.stack([m.square().sum() for m in made.features(x)]).sum().backward()
        assert x.grad is not None
        assert x.grad.abs().sum() > 0
        rng = torch.Generator().manual_seed(0)
        for _ in range(5):
            made.step(rng)
        made.features.train()
        assert not made.features.network.training
        assert with_gradient(made.features) == set()
        assert all(torch.equal(t, begin[n]) for n, t in made.features.state_dict().items())

    def test_named_taps_of_any_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network, taps = convolutions()
        made, x = TappedFeatures(network, taps), torch.rand(2, 3, 32, 48) * 2 - 1
        assert made.widths == (8, 12)
        maps = made(x)
        assert [m.shape for m in maps] == [(2, 8, 16, 24), (2, 12, 8, 12)]
        assert torch.allclose(maps[0], network[0](made.normalised(x)))  # type: ignore[index]
        monkeypatch.setattr("tests.unit.training.test_tudsr_training.convolutions", lambda: (network, taps))
        named = frozen_features("tests.unit.training.test_tudsr_training:convolutions", (), CPU)
        assert all(torch.equal(a, b) for a, b in zip(named(x), maps, strict=True))

    def test_a_folder(self, tmp_path: Path) -> None:
        network = vit()
        network.save_pretrained(tmp_path / "vit")
        made, x = frozen_features(str(tmp_path / "vit"), (2,), CPU), torch.rand(1, 3, 64, 64)
        assert torch.allclose(made(x)[0], VitFeatures(network, (2,))(x)[0], atol=1e-6)

    def test_what_is_not_here_is_said_in_a_line(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="dinov3-vitb16") as said:
            frozen_features("dinov3-vitb16", (3, 6, 9), CPU)
        assert "\n" not in str(said.value)
        with pytest.raises(ModelError, match="no such folder"):
            frozen_features(str(tmp_path / "none"), (3,), CPU)
        with pytest.raises(InputError, match="module:function"):
            frozen_features("nowhere:at_all", (), CPU)
        with pytest.raises(InputError, match=r"layers are \[4\], expected some of 1..3"):
            VitFeatures(vit(), (4,))
        with pytest.raises(InputError, match="no 7"):
            TappedFeatures(convolutions()[0], ("7",))


class TestHeads:
    def test_shapes(self) -> None:
        heads = MultiLevelHeads((16, 5), inner=8)
        logits = heads([torch.rand(2, 16, 4, 7), torch.rand(2, 5, 1, 2)])
        assert [x.shape for x in logits] == [(2, 1, 2, 4), (2, 1, 1, 1)]

    def test_blur_pool(self) -> None:
        """Constants stay, and the finest checkerboard goes: an ordinary stride of two would keep it."""
        assert torch.allclose(BlurPool()(torch.full((1, 2, 6, 6), 3.0)), torch.tensor(3.0))
        board = (torch.arange(8)[:, None] + torch.arange(8)[None]) % 2 * 2.0 - 1
        assert BlurPool()(board[None, None])[:, :, 1:-1, 1:-1].abs().max() < 1e-6


class TestU9Looped:
    @pytest.mark.slow
    def test_an_update_of_both_a_chunk(self, first_package: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = second(first_package, store)
        counts = dict.fromkeys(made.optimizers(), 0)
        for name, optimizer in made.optimizers().items():

            def step(*_: Any, _step: Any = optimizer.step, _name: str = name) -> None:
                counts[_name] += 1
                _step()

            monkeypatch.setattr(optimizer, "step", step)
        unet = made.enlarger.pipeline.denoisers.unet
        before = {n: t.detach().clone() for n, t in unet.named_parameters()}
        made.step(torch.Generator().manual_seed(0))
        assert counts == {"generator": 4, "critic": 4}
        moved = {n for n, t in unet.named_parameters() if not torch.equal(t, before[n])}
        assert moved
        assert all(".second." in n for n in moved)  # theta1 and the backbone stay

    @pytest.mark.slow
    def test_one_chunk_s_graph_is_alive(
        self, first_package: Path, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, graphs = second(first_package, store), list[Any]()
        losses = made.generator_losses

        def watched(y: torch.Tensor, hr: torch.Tensor) -> Any:
            assert all(graph() is None for graph in graphs)
            terms, x_hat = losses(y, hr)
            graphs.append(weakref.ref(x_hat))
            return terms, x_hat

        monkeypatch.setattr(made, "generator_losses", watched)
        made.step(torch.Generator().manual_seed(0))
        assert len(graphs) == 4

    @pytest.mark.slow
    def test_what_the_second_pass_is_given(
        self, first_package: Path, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The frozen first pass's picture, enlarged bilinearly, as a decoder gives it."""
        monkeypatch.setattr("codec.training.tudsr.stage.has_bf16", lambda _: False)
        made, rng = second(first_package, store), torch.Generator().manual_seed(0)
        hr = made._crops.sample(1, 128, rng)
        given = made.before(hr, torch.Generator().manual_seed(5))
        assert given.shape == hr.shape
        lr = degraded(hr, 4, "payload", (10, 80), torch.Generator().manual_seed(5))
        with torch.no_grad():
            m = load_package(first_package)(0, enlarged(lr, 2), 200).clamp(-1, 1)
        want = torch.nn.functional.interpolate(m, scale_factor=2, mode="bilinear", align_corners=False)
        assert torch.allclose(given, want, atol=1e-5)

    @pytest.mark.slow
    def test_accumulated_pictures_share_updates(self, first_package: Path, store: Path) -> None:
        made, seen = second(first_package, store, replace(SECOND, accumulate=2)), list[int]()
        take = made.generator_step

        def counted(pairs: list[Any]) -> Any:
            seen.append(len(pairs))
            return take(pairs)

        made.generator_step = counted  # type: ignore[method-assign]
        made.step(torch.Generator().manual_seed(0))
        assert seen == [2, 2, 2, 2]


class TestAfterTadm:
    """A package of TADM as the frozen first pass: 16 x 2."""

    @pytest.mark.slow
    def test_what_the_second_pass_is_given(self, tiny_sd21: Path, store: Path) -> None:
        """What a decoder shows of TADM's file of the photograph at half the size."""
        made = second(tiny_sd21, store, replace(SECOND, degradation="bicubic"))
        hr = made._crops.sample(1, 128, torch.Generator().manual_seed(0))
        half = to_uint8(downscale(hr, 2))[0].permute(1, 2, 0).numpy()
        data = codec.encode(half, model=str(tiny_sd21))  # PNG: lossless
        shown = torch.from_numpy(np.array(codec.decode(data, model=tiny_sd21, realism=1))).permute(2, 0, 1)[None]
        want = torch.nn.functional.interpolate(
            from_uint8(shown), scale_factor=2, mode="bilinear", align_corners=False
        )  # fmt: skip
        given = made.before(hr, torch.Generator().manual_seed(5))
        assert given.shape == hr.shape
        assert torch.allclose(given, want, atol=1e-6)

    @pytest.mark.slow
    def test_the_package_of_both(self, tiny_sd21: Path, store: Path, tmp_path: Path) -> None:
        config = replace(SECOND, steps=1)
        train(second(tiny_sd21, store, config), Run(out=tmp_path))
        package = tmp_path / "package"
        weights, _ = load_weights(package)
        assert (weights.config.split, weights.config.first, len(weights.adapters)) == ((16, 2), "tadm", 1)
        data = codec.encode(np.load(store / "hr_128.npy")[0], model=str(package))
        assert codec.read_info(data).scale == 32
        assert codec.decode(data, model=package) != codec.decode(data, model=package, passes=1)
        again = second(package, store, config)  # goes on from it
        assert all(torch.equal(t.cpu(), weights.adapters[0][n]) for n, t in again.enlarger.tensors().items())
        again.step(torch.Generator().manual_seed(0))

    def test_it_writes_the_lr_itself(self, tiny_sd21: Path, store: Path) -> None:
        with pytest.raises(InputError, match="TADM makes its own LR"):
            second(tiny_sd21, store, replace(SECOND, degradation="realesrgan"))


class TestU10Gradients:
    def test_of_the_generator(self, tiny_release: Path, store: Path) -> None:
        # at 64 px the U-Net ends in one cell, whose attention to itself has nothing to learn
        made = first(tiny_release, store, replace(FIRST, crop=128, chunk=128))
        felt(made)
        rng = torch.Generator().manual_seed(0)
        hr = made._crops.sample(1, 128, rng)
        made.generator_step([(made.before(hr, rng), hr)])
        assert with_gradient(made.heads) == set()
        assert with_gradient(made.enlarger.pipeline) == {
            f"denoisers.networks.0.unet.{n}" for n in made.enlarger.tensors()
        }

    def test_of_the_critic(self, tiny_release: Path, store: Path) -> None:
        made = first(tiny_release, store)
        felt(made)
        rng = torch.Generator().manual_seed(0)
        hr = made._crops.sample(1, 64, rng)
        made.critic_step([hr.flip(3)], [hr])
        assert with_gradient(made.heads) == {n for n, _ in made.heads.named_parameters()}
        assert with_gradient(made.enlarger.pipeline) == set()
        assert with_gradient(made.features) == set()


@pytest.mark.parametrize("kind", ["tudsr_first", "tudsr_second"])
@pytest.mark.slow
def test_it_goes_on_as_if_it_had_not_stopped(
    kind: str, tiny_release: Path, first_package: Path, store: Path, tmp_path: Path
) -> None:
    def stage() -> TudsrStage:
        return first(tiny_release, store) if kind == "tudsr_first" else second(first_package, store, short)

    short = replace(SECOND, steps=2)
    whole = stage()
    train(whole, Run(out=tmp_path / "whole"))
    train(stage(), Run(out=tmp_path / "parts", minutes=0.0))
    resumed = stage()
    train(resumed, Run(out=tmp_path / "parts"))
    expected, found = whole.tensors(), resumed.tensors()
    assert [n for n in expected if not torch.equal(expected[n], found[n])] == []
    for name, optimizer in whole.optimizers().items():
        mine, theirs = (o.param_groups[0]["params"] for o in (optimizer, resumed.optimizers()[name]))
        for a, b in zip(mine, theirs, strict=True):
            other = resumed.optimizers()[name].state[b]
            assert all(torch.equal(optimizer.state[a][k], other[k]) for k in ("exp_avg", "exp_avg_sq"))
    begin = stage().tensors()
    for part in ("adapter/", "heads/"):
        assert any(not torch.equal(begin[n], found[n]) for n in begin if n.startswith(part)), part
    weights, _ = load_weights(tmp_path / "parts/package")
    assert weights.config.split == ((2,) if kind == "tudsr_first" else (2, 2))
    assert all(torch.equal(t, found[f"adapter/{n}"]) for n, t in weights.adapters[-1].items())
    if kind == "tudsr_second":
        kept, _ = load_weights(first_package)
        assert all(torch.equal(t, kept.adapters[0][n]) for n, t in weights.adapters[0].items())


@pytest.mark.parametrize("change", [{"gan": 0.0}, {"checkpointing": True}, {"degradation": "bicubic"}], ids=str)
@pytest.mark.slow
def test_every_choice_takes_a_step(change: dict[str, Any], tiny_release: Path, store: Path) -> None:
    shown = first(tiny_release, store, replace(FIRST, **change)).step(torch.Generator().manual_seed(0))
    assert all(np.isfinite(v) for v in shown.values())
    assert ("gan" in shown) == (change != {"gan": 0.0})


def test_stage_files() -> None:
    one, two = (TudsrStageConfig.from_file(CONFIGS / f"tudsr_{n}.toml") for n in ("first", "second"))
    assert (one.steps, two.steps, one.rate, one.rank, one.accumulate, one.batch) == (5100, 3500, 5e-5, 32, 4, 1)
    assert (one.own_timestep, two.own_timestep) == (200, 50)
    assert (one.crop, two.crop, two.chunk, two.chunks) == (512, 1024, 512, 2)
    assert (one.ea_dists, one.gan, one.mae, one.labels, one.layers) == (5.0, 0.5, 0.5, (0.8, 0.0), (3, 6, 9))
    assert TudsrStageConfig.from_file(CONFIGS / "tudsr_first_x4.toml") == replace(one, factor=4)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"kind": "tudsr_third"}, "kind"), ({"factor": 3}, "factor"), ({"crop": 128}, "crop is 128 and chunk 64"),
     ({"labels": (0.8, 2.0)}, "labels"), ({"qualities": (5, 2)}, "qualities"), ({"timestep": 2}, "timestep"),
     ({"accumulate": 0}, "accumulate")],
    ids=str,
)  # fmt: skip
def test_what_a_stage_file_may_say(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(FIRST, **change)


def test_packages_of_another_kind(first_package: Path, tiny_tudsr: Path, tiny_release: Path) -> None:
    with pytest.raises(InputError, match="a package of 2 passes, expected 1"):
        Enlarger.from_package(tiny_tudsr, FIRST)
    with pytest.raises(InputError, match="rank 8; the weights have 2, 200, 4"):
        Enlarger.from_package(first_package, replace(FIRST, rank=8))
    with pytest.raises(InputError, match="begins with a package of the first stage"):
        Enlarger.fresh(find_parts(tiny_release / "backbone"), read_prompt(tiny_release / "prompt.npy"), SECOND)


@pytest.mark.slow
def test_the_command_line(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    """Both stages, one after the other, and a photograph through what they made."""
    vit().save_pretrained(tmp_path / "vit")
    common = (
        f'family = "tudsr"\nfeatures = "{tmp_path / "vit"}"\nlayers = [1, 2]\nedge_term = "l1"\nchunk = 64\nsteps = 1\n'
        "accumulate = 1\nevaluate_steps = 1\nheld_out = 1\nlog_steps = 1\nrank = 2\n"
    )
    (tmp_path / "first.toml").write_text(common + 'kind = "tudsr_first"\ncrop = 64\n')
    (tmp_path / "second.toml").write_text(common + 'kind = "tudsr_second"\ncrop = 128\n')

    def run(*words: str | Path) -> None:
        done = CliRunner().invoke(main, [str(w) for w in words])
        assert done.exit_code == 0, done.output

    prompt: list[str | Path] = ["--prompt", tiny_release / "prompt.npy", "--backbone", tiny_release / "backbone"]
    shared: list[str | Path] = ["--store", store, "--device", "cpu"]
    run("train", "run", tmp_path / "first.toml", "--out", tmp_path / "one", *shared, *prompt)
    run(
        "train", "run", tmp_path / "second.toml", "--out", tmp_path / "two", *shared, "--init", tmp_path / "one/package"
    )
    log = (tmp_path / "two/log.jsonl").read_text()
    for word in ("ea_given", "ea_made", "psnr_made", "critic", "ea_dists"):
        assert word in log
    with Image.fromarray(np.load(store / "hr_128.npy")[0]) as image:
        image.save(tmp_path / "a.png")
    package = tmp_path / "two/package"
    run("encode", tmp_path / "a.png", tmp_path / "a.tadm", "--model", package)
    run("decode", tmp_path / "a.tadm", tmp_path / "b.png", "--model", package)
    # without DISTS the shipped stage says so in one line
    done = CliRunner().invoke(
        main,
        [str(w) for w in ("train", "run", CONFIGS / "tudsr_first.toml", "--out", tmp_path / "no", *shared, *prompt)],
    )
    assert done.exit_code == ModelError.exit_code
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_steps_of_each_stage_learn(tiny_release: Path, tmp_path: Path) -> None:
    """The payload in the loop: each pass's held-out EA-DISTS (by L1) ends below what it began with.

    The VAE learns to show something first: behind a random decoder there is nothing to be faithful to.
    """
    release, store = tmp_path / "release", tmp_path / "store"
    shutil.copytree(tiny_release, release)
    store.mkdir()
    squares = octaves(8)
    np.save(store / "hr_128.npy", squares[:6])
    np.save(store / "holdout_hr_128.npy", squares[6:])
    learn_to_show_both_sizes(release / "backbone/vae", squares[:6])
    shared: dict[str, Any] = {"steps": 200, "rate": 1e-3, "rank": 8, "log_steps": 50}
    made = first(release, store, replace(FIRST, **shared))
    (before,) = made.evaluate(tmp_path, 0)
    train(made, Run(out=tmp_path / "one"))
    (after,) = made.evaluate(tmp_path, 200)
    assert after["ea_made"] < 0.9 * before["ea_made"], (before, after)
    # a random transformer has little to say of photographs: the second stage, of four updates a step, would follow it
    shared |= {"rate": 3e-3, "gan": 0.01, "critic_rate": 1e-4}
    made = second(tmp_path / "one/package", store, replace(SECOND, **shared))
    (before,) = made.evaluate(tmp_path, 0)
    train(made, Run(out=tmp_path / "two"))
    (after,) = made.evaluate(tmp_path, 200)
    assert after["ea_given"] == before["ea_given"]  # what the frozen first pass made, enlarged
    assert after["ea_made"] < before["ea_made"], (before, after)

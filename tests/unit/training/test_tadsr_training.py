"""TADSR's training on a tiny backbone: what moves, what is called, stopping and going on (checks S7 to S11)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("diffusers", reason="the tadsr family needs diffusers")
pytest.importorskip("peft", reason="the tadsr family needs peft")

import codec
from codec.cli import main
from codec.errors import InputError
from codec.models.sd21.adapters import is_adapter, is_trained
from codec.models.sd21.backbone import find_parts, load_backbone
from codec.models.sd21.prompt import read_prompt
from codec.models.tadsr.package import is_encoder, load_package
from codec.models.tadsr.time_encoder import is_time
from codec.training.loop import Run, train
from codec.training.sd21.degradation import DEGRADATIONS, degraded
from codec.training.tadsr.config import TadsrStageConfig
from codec.training.tadsr.scores import ScoreNetwork
from codec.training.tadsr.stage import TadsrStage
from codec.training.tadsr.trainable import Student
from tests.unit.training.showing import learn_to_show

CPU = torch.device("cpu")
CONFIGS = Path(__file__).resolve().parents[3] / "codec" / "training" / "configs"
TINY = TadsrStageConfig(
    crop=64, batch=2, steps=6, rate=1e-3, log_steps=1, evaluate_steps=0, held_out=2, checkpointing=False
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photo: Callable[[int, int], np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("store")
    squares = np.stack([photo(128 + i, 128)[:, :128] for i in range(6)])
    np.save(folder / "hr_128.npy", squares[:4])
    np.save(folder / "holdout_hr_128.npy", squares[4:])
    return folder


def stage(release: Path, store: Path, config: TadsrStageConfig = TINY) -> TadsrStage:
    prompt = read_prompt(release / "prompt.npy")
    student = Student.fresh(find_parts(release / "backbone"), prompt, config)
    torch.manual_seed(config.seed)
    unet = load_backbone(find_parts(release / "backbone")).unet
    return TadsrStage(config, student, ScoreNetwork(unet, prompt, -prompt, config.fake_rank), store, CPU)


def weights(made: TadsrStage) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in made.tensors().items()}


def with_gradient(made: TadsrStage) -> set[str]:
    named = [
        *made.student.pipeline.named_parameters(),
        *((f"scores.{n}", t) for n, t in made.scores.named_parameters()),
    ]
    return {name for name, tensor in named if tensor.grad is not None and tensor.grad.abs().sum() > 0}


def felt(made: TadsrStage) -> None:
    """Factors that begin at zero would keep their partners without gradient."""
    for name, tensor in made.tensors().items():
        if "lora_B" in name or "time_emb_proj" in name:
            tensor.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(1))


class TestS7Gradients:
    @pytest.mark.slow
    def test_of_the_student(self, tiny_release: Path, store: Path) -> None:
        made = stage(tiny_release, store)
        felt(made)
        rng = torch.Generator().manual_seed(0)
        # 128 px are more than one token in the middle of the U-Net: attention to a single one has no gradient
        terms, _ = made.student_losses(made._crops.sample(2, 128, rng), rng)
        assert set(terms) == {"mse", "tavsd"}
        torch.stack(list(terms.values())).sum().backward()
        found = with_gradient(made)
        unet = {n.removeprefix("denoiser.unet.") for n in found if n.startswith("denoiser.unet.")}
        assert unet == {n for n, _ in made.student.pipeline.denoiser.unet.named_parameters() if is_trained(n)}
        vae = {n.removeprefix("encoder.vae.") for n in found if n.startswith("encoder.vae.")}
        assert vae == {n for n, _ in made.student.pipeline.encoder.vae.named_parameters() if is_encoder(n)}
        assert any(is_time(n) for n in vae)
        assert any(is_adapter(n) for n in vae)
        assert not any(n.startswith("decoder.") for n in vae)
        assert not any(n.startswith("scores.") for n in found)

    @pytest.mark.slow
    def test_of_the_fake_score(self, tiny_release: Path, store: Path) -> None:
        made = stage(tiny_release, store)
        felt(made)
        made.score_loss(torch.randn(2, 4, 16, 16), torch.Generator().manual_seed(0)).backward()
        found = with_gradient(made)
        assert found == {f"scores.unet.{n}" for n, _ in made.scores.unet.named_parameters() if is_adapter(n)}


class TestS8Calls:
    @pytest.fixture
    def calls(self, tiny_release: Path, store: Path) -> tuple[TadsrStage, list[tuple[str, int, list[int]]]]:
        made, seen = stage(tiny_release, store), list[tuple[str, int, list[int]]]()

        def watch(name: str) -> Callable[..., None]:
            def hook(_: Any, arguments: tuple[torch.Tensor, torch.Tensor]) -> None:
                on = not any(m.disable_adapters for m in made.scores.unet.modules() if hasattr(m, "lora_A"))
                label = name if name == "student" else "fake" if on else "teacher"
                seen.append((label, len(arguments[0]), arguments[1].tolist()))

            return hook

        made.scores.unet.register_forward_pre_hook(watch("score"))
        made.student.pipeline.denoiser.unet.register_forward_pre_hook(watch("student"))
        return made, seen

    def test_one_of_each(self, calls: tuple[TadsrStage, list[tuple[str, int, list[int]]]]) -> None:
        made, seen = calls
        rng = torch.Generator().manual_seed(0)
        made.student_losses(made._crops.sample(2, 64, rng), rng)
        assert sorted((name, count) for name, count, _ in seen) == [("fake", 2), ("student", 2), ("teacher", 4)]
        times = {name: t for name, _, t in seen}
        t_v = [t // 2 for t in times["student"]]
        assert times["fake"] == t_v
        assert times["teacher"] == t_v * 2

    def test_adapters_come_back_after_an_error(
        self, calls: tuple[TadsrStage, list[tuple[str, int, list[int]]]]
    ) -> None:
        made, seen = calls
        z, t = torch.zeros(1, 4, 8, 8), torch.tensor([3])
        with pytest.raises(RuntimeError):
            made.scores.teacher(z[:, :3], t, torch.ones(1))
        made.scores.fake(z, t)
        assert [name for name, _, _ in seen] == ["teacher", "fake"]


@pytest.mark.slow
def test_s9_the_teacher_is_no_second_copy(tiny_release: Path, store: Path) -> None:
    made = stage(tiny_release, store)
    plain = load_backbone(find_parts(tiny_release / "backbone")).unet
    own = {n.replace(".base_layer", ""): t for n, t in made.scores.unet.named_parameters() if not is_adapter(n)}
    assert {n: t.shape for n, t in own.items()} == {n: t.shape for n, t in plain.named_parameters()}
    z, t, g = torch.randn(1, 4, 8, 8), torch.tensor([300]), torch.tensor([1.0])
    places = {n: t.data_ptr() for n, t in made.scores.unet.named_parameters()}
    # no adapter, guidance 1: the plain U-Net under the prompt
    want = plain(z, t, encoder_hidden_states=made.scores.prompt, return_dict=False)[0]
    felt(made)
    assert torch.allclose(made.scores.teacher(z, t, g), want, atol=1e-5)
    assert not torch.allclose(made.scores.fake(z, t), want, atol=1e-5)
    assert {n: t.data_ptr() for n, t in made.scores.unet.named_parameters()} == places


def test_s10_ablations_differ_in_one_thing() -> None:
    full = TadsrStageConfig.from_file(CONFIGS / "tadsr4.toml")
    assert (full.crop, full.batch, full.steps, full.rate, full.rank) == (512, 24, 2000, 5e-5, 4)
    differences = {
        path.stem.removeprefix("tadsr4_"): {
            f.name for f in fields(full) if getattr(TadsrStageConfig.from_file(path), f.name) != getattr(full, f.name)
        }
        for path in CONFIGS.glob("tadsr4_*.toml")
    }
    assert differences == {
        "baseline": {"encoder", "teacher_t"}, "no_tae": {"encoder"}, "no_tavsd": {"teacher_t"}, "no_blur": {"blur"},
        "l25": {"slope"}, "l75": {"slope"}, "g50": {"offset"}, "g100": {"offset"}, "epsilon": {"one_step"},
        "release": {"t_s", "t_s_values", "degradation", "batch", "perceptual"},
    }  # fmt: skip


@pytest.mark.slow
def test_s11_it_goes_on_as_if_it_had_not_stopped(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    short = replace(TINY, steps=3)
    whole = stage(tiny_release, store, short)
    train(whole, Run(out=tmp_path / "whole"))
    done: list[int] = []

    def count(step: int, _: dict[str, float]) -> None:
        done.append(step)

    stopped = stage(tiny_release, store, short)
    assert train(stopped, Run(out=tmp_path / "parts", minutes=0.0, on_step=count)) == 1
    stopped = stage(tiny_release, store, short)
    train(stopped, Run(out=tmp_path / "parts", minutes=0.0, on_step=count))
    resumed = stage(tiny_release, store, short)
    assert train(resumed, Run(out=tmp_path / "parts", on_step=count)) == 3
    assert done == [1, 2, 3]
    expected, found = weights(whole), weights(resumed)
    assert [n for n in expected if not torch.equal(expected[n], found[n])] == []
    for name, optimizer in whole.optimizers().items():
        other = resumed.optimizers()[name]
        mine, theirs = (o.param_groups[0]["params"] for o in (optimizer, other))
        for a, b in zip(mine, theirs, strict=True):
            assert all(torch.equal(optimizer.state[a][k], other.state[b][k]) for k in ("exp_avg", "exp_avg_sq"))
    # both learn something, and the package is what was trained
    begin = weights(stage(tiny_release, store))
    for part in ("student/unet", "student/encoder", "fake/"):
        assert any(not torch.equal(begin[n], found[n]) for n in begin if n.startswith(part)), part
    packed = load_package(tmp_path / "parts/package", merge=False)
    for name, tensor in packed.denoiser.unet.state_dict().items():
        if is_trained(name):
            assert torch.equal(tensor, found[f"student/unet/{name}"])


@pytest.mark.parametrize(
    "change",
    [{"encoder": "plain"}, {"teacher_t": "random"}, {"blur": "none"}, {"one_step": "epsilon"}, {"weight": "x0"},
     {"weight": "eps"}, {"t_s_values": 50}, {"tavsd": 0.0}, {"accumulate": 2}, {"degradation": "bicubic"},
     {"degradation": "realesrgan"}, {"checkpointing": True}],
    ids=str,
)  # fmt: skip
@pytest.mark.slow
def test_every_choice_takes_a_step(change: dict[str, Any], tiny_release: Path, store: Path) -> None:
    made = stage(tiny_release, store, replace(TINY, **change))
    shown = made.step(torch.Generator().manual_seed(0))
    assert all(np.isfinite(v) for v in shown.values())
    assert ("tavsd" in shown) == (change != {"tavsd": 0.0})


@pytest.mark.slow
def test_weights_of_another_kind(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    made = stage(tiny_release, store, replace(TINY, encoder="plain"))
    made.save(tmp_path / "plain")
    again = Student.from_package(tmp_path / "plain")
    with pytest.raises(InputError, match="encoder = 'time_aware', the weights have 'plain'"):
        TadsrStage(TINY, again, made.scores, store, CPU)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degradations(kind: str, photo: Callable[[int, int], np.ndarray]) -> None:
    hr = torch.from_numpy(photo(128, 96)).permute(2, 0, 1)[None].float().div(127.5).sub(1).repeat(2, 1, 1, 1)
    lr = degraded(hr, 4, kind, (10, 40), torch.Generator().manual_seed(3))
    assert lr.shape == (2, 3, 24, 32)
    assert lr.abs().max() <= 1
    levels = (lr + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    again = degraded(hr, 4, kind, (10, 40), torch.Generator().manual_seed(3))
    assert torch.equal(lr, again)
    assert torch.equal(lr[0], lr[1]) == (kind == "bicubic")


@pytest.mark.slow
def test_the_command_line(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(
        'family = "tadsr"\ncrop = 64\nbatch = 1\nsteps = 1\nevaluate_steps = 1\nheld_out = 1\nlog_steps = 1\n'
    )
    prompt = tiny_release / "prompt.npy"
    words = ["train", "run", config, "--store", store, "--out", tmp_path / "run", "--device", "cpu", "--prompt", prompt]
    words += ["--negative-prompt", prompt, "--backbone", tiny_release / "backbone"]
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    log = (tmp_path / "run/log.jsonl").read_text()
    assert "psnr_r0.5" in log
    assert "tavsd" in log
    load_package(tmp_path / "run/package")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_steps_learn(tiny_release: Path, tmp_path: Path) -> None:
    """The payload in the loop: held-out error falls, and the dial runs from fidelity to freedom.

    The VAE learns to show something first: behind a random decoder there is nothing to be faithful to.
    """
    release, store = tmp_path / "release", tmp_path / "store"
    shutil.copytree(tiny_release, release)
    store.mkdir()
    rough = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    squares = np.stack([np.asarray(Image.fromarray(r).resize((128, 128), Image.Resampling.BICUBIC)) for r in rough])
    np.save(store / "hr_128.npy", squares[:6])
    np.save(store / "holdout_hr_128.npy", squares[6:])
    learn_to_show(release / "backbone/vae", squares[:6])
    # so small a VAE hides what a small timestep keeps: the dial's lower end is where blurring begins to be felt
    config = replace(
        TINY, steps=200, rate=1e-3, rank=8, tavsd=0.02, dial=(300, 900), held_out=4, log_steps=50, evaluate_steps=50
    )
    made = stage(release, store, config)
    (before,) = made.evaluate(tmp_path, 0)
    train(made, Run(out=tmp_path / "run"))
    (after,) = made.evaluate(tmp_path, 200)
    for realism in ("0", "0.5", "1"):
        assert after[f"blurred_r{realism}"] < 0.9 * before[f"blurred_r{realism}"]
    assert after["psnr_r0"] > after["psnr_r0.5"] > after["psnr_r1"]


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_true_shapes_on_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few steps at the real size, payload in the loop, then one picture; prints time and memory of both."""
    import time

    from bench.random_sd21 import make_release

    make_release(tmp_path / "release", shapes="true", scale=16)
    np.save(tmp_path / "hr_512.npy", np.random.default_rng(0).integers(0, 256, (4, 512, 512, 3), dtype=np.uint8))
    config = TadsrStageConfig(batch=2, steps=5, evaluate_steps=0)
    prompt = read_prompt(tmp_path / "release/prompt.npy")
    paths = find_parts(tmp_path / "release/backbone")
    scores = ScoreNetwork(load_backbone(paths).unet, prompt, -prompt, config.fake_rank)
    made = TadsrStage(config, Student.fresh(paths, prompt, config), scores, tmp_path, torch.device("cuda"))
    times: list[float] = []
    torch.cuda.reset_peak_memory_stats()
    train(made, Run(out=tmp_path / "out", on_step=lambda *_: times.append(time.perf_counter())))
    step, peak = (times[-1] - times[1]) / (len(times) - 2), torch.cuda.max_memory_allocated() / 2**30
    del made, scores
    torch.cuda.empty_cache()
    data = codec.encode(np.zeros((1024, 1024, 3), np.uint8), model=str(tmp_path / "out/package"))
    with codec.Engine(model=tmp_path / "out/package", device="cuda") as engine:
        codec.decode(data, engine=engine)
        torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        codec.decode(data, engine=engine)
        warm, held = time.perf_counter() - began, torch.cuda.max_memory_allocated() / 2**30
    with capsys.disabled():
        print(f"\n{step:.3f} s and {peak:.1f} GiB a step of 2 crops; {warm:.3f} s and {held:.1f} GiB for 1024 px")  # noqa: T201

"""Dry runs of the `sd21` family's three stages on a tiny stand-in."""

from __future__ import annotations

import json
import shutil
import sys
import types
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

from codec.cli.train import train_command
from codec.errors import InputError, ModelError
from codec.models.sd21.backbone import find_parts, load_vae
from codec.models.sd21.package import load_package
from codec.models.sd21.prompt import read_prompt
from codec.models.sd21.vae import LatentCodec
from codec.training.loop import Run, train
from codec.training.sd21.config import Sd21StageConfig
from codec.training.sd21.data import LatentPairs, precompute_latents
from codec.training.sd21.stages import TadmStage
from codec.training.sd21.trainable import MOVING, Trainable

CPU = torch.device("cpu")
CONFIGS = Path(__file__).resolve().parents[3] / "codec" / "training" / "configs"
TINY = Sd21StageConfig(
    kind="rescaler", scale=16, crop=64, batch=2, steps=2, warmup=1, rate=1e-3, unet_rank=2, vae_rank=2, log_steps=1
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    for side, count in ((128, 3), (96, 2)):
        rough = rng.integers(0, 256, (count, side // 8, side // 8, 3), dtype=np.uint8)
        np.save(folder / f"hr_{side}.npy", rough.repeat(8, 1).repeat(8, 2))
    return folder


def fresh(tiny_release: Path, config: Sd21StageConfig) -> Trainable:
    return Trainable.fresh(find_parts(tiny_release / "backbone"), read_prompt(tiny_release / "prompt.npy"), config)


def stage(tiny_release: Path, store: Path, config: Sd21StageConfig) -> TadmStage:
    return TadmStage(config, fresh(tiny_release, config), store, CPU)


def snapshot(trained: Trainable) -> dict[str, torch.Tensor]:
    return {f"{part}/{n}": t.detach().clone() for part in MOVING["joint"] for n, t in trained.part(part).items()}


@pytest.mark.parametrize("kind", ["rescaler", "enhancement", "joint"])
@pytest.mark.slow
def test_what_moves_in_each_stage(tiny_release: Path, store: Path, tmp_path: Path, kind: str) -> None:
    made = stage(tiny_release, store, replace(TINY, kind=kind))
    before = snapshot(made.trained)
    seen: list[dict[str, float]] = []
    train(made, Run(out=tmp_path, on_step=lambda _, m: seen.append(m)))
    after = snapshot(made.trained)
    moved = {name.split("/")[0] for name in after if not torch.equal(after[name], before[name])}
    assert moved == set(MOVING[kind])
    expected = {"rescaler": {"rec", "guide"}, "enhancement": {"pixel"}, "joint": {"rec", "guide", "pixel"}}[kind]
    assert [set(m) for m in seen] == [expected, expected]
    # what was trained is a package, and it decodes with the weights that were trained
    packed = load_package(tmp_path / "package", merge=False)
    for name, tensor in packed.predictor.state_dict().items():
        assert torch.equal(tensor, after[f"predictor/{name}"])
    assert packed.decode(torch.zeros(1, 3, 8, 8), plan=None).x_hat.isfinite().all()


@pytest.mark.slow
def test_learning_lowers_the_loss(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    made = stage(tiny_release, store, replace(TINY, steps=14, batch=3, rate=3e-4))
    train(made, Run(out=tmp_path, on_step=lambda _, m: losses.append(m["rec"])))
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:2])


@pytest.mark.slow
def test_it_goes_on_as_if_it_had_not_stopped(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    config = replace(TINY, kind="enhancement", steps=2, accumulate=2)
    whole = stage(tiny_release, store, config)
    train(whole, Run(out=tmp_path / "whole"))
    stopped = stage(tiny_release, store, config)
    assert train(stopped, Run(out=tmp_path, minutes=0.0)) == 1
    steps: list[int] = []
    resumed = stage(tiny_release, store, config)
    train(resumed, Run(out=tmp_path, on_step=lambda n, _: steps.append(n)))
    assert steps == [2]
    weights, later = snapshot(whole.trained), snapshot(resumed.trained)
    assert [name for name in weights if not torch.equal(weights[name], later[name])] == []
    earlier = snapshot(stopped.trained)
    assert any(not torch.equal(tensor, earlier[name]) for name, tensor in later.items())
    # the next stage starts from the package of this one
    onward = snapshot(Trainable.from_package(tmp_path / "package", "joint"))
    for name, tensor in onward.items():
        assert torch.equal(tensor, later[name])


def test_latents_made_beforehand(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    for path in store.glob("hr_*.npy"):
        np.save(tmp_path / path.name, np.load(path))
    vae = LatentCodec(load_vae(find_parts(tiny_release / "backbone").vae)).eval()
    live = LatentPairs(tmp_path, vae, CPU)
    x, z = live.sample(2, 64, torch.Generator().manual_seed(1))
    assert torch.equal(z, vae.encode(x))
    precompute_latents(tmp_path, vae, CPU)
    pairs = LatentPairs(tmp_path, vae, CPU)
    # a crop as large as its square has exactly the square's latent
    only = tmp_path / "only"
    only.mkdir()
    for name in ("hr_128.npy", "z_128.npy"):
        np.save(only / name, np.load(tmp_path / name))
    x, z = LatentPairs(only, vae, CPU).sample(2, 128, torch.Generator().manual_seed(2))
    torch.testing.assert_close(z, vae.encode(x), atol=2e-3, rtol=1e-3)
    x, z = pairs.sample(3, 64, torch.Generator().manual_seed(3))
    assert (x.shape, z.shape, z.dtype) == ((3, 3, 64, 64), (3, 4, 8, 8), torch.float32)
    np.save(tmp_path / "z_96.npy", np.load(tmp_path / "z_96.npy")[:1])
    with pytest.raises(InputError, match=r"z_96\.npy: not the latents"):
        LatentPairs(tmp_path, vae, CPU)


@pytest.mark.slow
def test_held_out_losses_are_logged(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store, folder)
    np.save(folder / "holdout_hr_96.npy", np.load(folder / "hr_96.npy")[::-1])
    config = replace(TINY, kind="joint", steps=2, evaluate_steps=1, held_out=2, rec=0.5)
    made = stage(tiny_release, folder, config)
    (before,) = made.evaluate(tmp_path, 0)
    assert made.evaluate(tmp_path, 0) == [before]
    train(made, Run(out=tmp_path / "run"))
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    held_out = [row for row in rows if "held_out_rec" in row]
    assert [row["step"] for row in held_out] == [1, 2]
    assert set(held_out[0]) == {"step", "held_out_rec", "held_out_guide", "held_out_pixel", "held_out_psnr"}
    assert held_out[0] != held_out[1]
    # without their weights: Eq. 6 of the first square and the second, from the parts
    rescaler, codec = made.trained.pipeline.rescaler, made.trained.pipeline.latent_codec
    losses = []
    for square in np.load(folder / "holdout_hr_96.npy"):
        x = torch.from_numpy(square[:64, :64].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            z = codec.encode(x)
            feature = rescaler.feature(x, z)
            lr = ((rescaler.feature_to_lr(feature).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
            target = z / codec.scaling_factor
            chains = (rescaler.feature_to_latent(feature), rescaler.up(lr))
            losses.append(sum(float((chain - target).abs().mean()) for chain in chains))
    (after,) = made.evaluate(tmp_path, 2)
    assert after["held_out_rec"] == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize(
    "change", [{"inn": False}, {"pixel_branch": False}, {"predictor": 1}, {"latent_out": "scaled"}], ids=str
)
@pytest.mark.slow
def test_ablations_and_conventions_take_a_step(
    tiny_release: Path, store: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    config = replace(TINY, kind="joint", steps=1, **change)
    made = stage(tiny_release, store, config)
    before = snapshot(made.trained)
    train(made, Run(out=tmp_path))
    moved = {n.split("/")[0] for n, t in snapshot(made.trained).items() if not torch.equal(t, before[n])}
    assert moved == {"rescaler", "unet", "vae"} | (set() if "predictor" in change else {"predictor", "scheduler"})
    again = Trainable.from_package(tmp_path / "package", "joint", config.timestep)
    TadmStage(config, again, store, CPU)
    name = next(iter(change)).replace("predictor", "timestep")
    with pytest.raises(InputError, match=f"the stage has {name}"):
        TadmStage(replace(TINY, kind="joint"), again, store, CPU)


@pytest.mark.slow
def test_a_missing_perceptual_weight_is_named(tiny_release: Path, store: Path) -> None:
    with pytest.raises(ModelError, match="lpips-vgg"):
        stage(tiny_release, store, replace(TINY, kind="enhancement", perceptual={"lpips-vgg": 5.0}))


@pytest.mark.slow
def test_perceptual_terms_are_pluggable(
    tiny_release: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def term(made: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
        calls.append(len(made))
        return (made - original).abs().mean((1, 2, 3))

    monkeypatch.setitem(sys.modules, "my_terms", types.SimpleNamespace(term=term))
    train(stage(tiny_release, store, replace(TINY, kind="joint", perceptual={"my_terms:term": 0.1})), Run(out=tmp_path))
    assert calls == [2, 2]
    for name, words in (("my_terms:other", "perceptual term 'my_terms:other'"), ("nothing", "known are lpips")):
        with pytest.raises(InputError, match=words):
            stage(tiny_release, store, replace(TINY, kind="joint", perceptual={name: 1.0}))


def test_the_wrong_scale(tiny_release: Path, store: Path) -> None:
    with pytest.raises(InputError, match="for scale 8, the weights are of 16"):
        TadmStage(replace(TINY, scale=8), fresh(tiny_release, TINY), store, CPU)


@pytest.mark.parametrize("name", sorted(p.name for p in CONFIGS.glob("sd21_*.toml")))
def test_shipped_stages_are_valid(name: str) -> None:
    config = Sd21StageConfig.from_file(CONFIGS / name)
    assert (config.unet_rank, config.vae_rank, config.crop) == (48, 16, 512)
    assert config.evaluate_steps
    batch = {"rescaler": 256, "enhancement": 16, "joint": 16}[config.kind]
    assert config.batch * config.accumulate == batch
    paper = name.endswith("_paper.toml")
    assert config.norm == ("l1" if paper else "l2")
    if config.kind != "rescaler":
        assert len(set(config.perceptual.values())) == 1  # one lambda
        assert config.pixel == (1 if paper else 2)


def test_every_stage_is_shipped_at_every_scale() -> None:
    names = {f"sd21_{kind}{s}{form}" for kind in MOVING for s in (4, 8, 16, 32) for form in ("", "_paper")}
    base = {"no_inn": "rescaler16", "no_pixel": "rescaler16", "t1": "enhancement16", "t999": "enhancement16"}
    ablations = {f"sd21_{of}_{name}": f"sd21_{of}" for name, of in base.items()}
    assert {p.stem for p in CONFIGS.glob("sd21_*.toml")} == names | set(ablations)
    differences = {}
    for name, of in ablations.items():
        one, full = (Sd21StageConfig.from_file(CONFIGS / f"{n}.toml") for n in (name, of))
        differences[name.split("_", 2)[2]] = {
            f.name: getattr(one, f.name) for f in fields(full) if getattr(one, f.name) != getattr(full, f.name)
        }
    assert differences == {
        "no_inn": {"inn": False}, "no_pixel": {"pixel_branch": False},
        "t1": {"predictor": 1}, "t999": {"predictor": 999},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "x"\nscale = 16', "kind is 'x'"), ('kind = "joint"\nscale = 3', "scale is 3"),
        ('kind = "joint"\nscale = 4\ncrop = 100', "crop is 100"), ('kind = "joint"', "scale"),
        ('kind = "joint"\nscale = 4\nqualities = [9, 1]', "qualities"), ("a = ", "not a TOML file"),
        ('kind = "joint"\nscale = 4\nwhat = 1', "unknown keys what"),
        ('kind = "joint"\nscale = 4\npredictor = 1000', "predictor is 1000"),
        ('kind = "joint"\nscale = 4\npredictor = "no"', "predictor is 'no'"),
        ('kind = "joint"\nscale = 4\nlatent_in = "no"', "latent_in is 'no'"),
        ('kind = "joint"\nscale = 4\ninn = "no"', "inn is 'no'"),
    ],
)  # fmt: skip
def test_bad_stages(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "stage.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        Sd21StageConfig.from_file(tmp_path / "stage.toml")


@pytest.mark.slow
def test_the_command_line(tiny_release: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "stage.toml").write_text(
        'family = "sd21"\nkind = "rescaler"\nscale = 16\ncrop = 64\nbatch = 1\nsteps = 1\n'
        'unet_rank = 2\nvae_rank = 2\npayload = "av1"\n'
    )
    words = [str(tmp_path / "stage.toml"), f"--store={store}", "--device=cpu", f"--out={tmp_path / 'out'}"]
    backbone = [f"--backbone={tiny_release / 'backbone'}", f"--prompt={tiny_release / 'prompt.npy'}"]
    done = CliRunner().invoke(train_command, ["run", *words, *backbone])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/package/config.json").exists()
    assert CliRunner().invoke(train_command, ["run", *words]).exit_code == 2
    missing = CliRunner().invoke(train_command, ["run", *words, "--init=nowhere"])
    assert missing.exit_code == 6
    assert missing.output.splitlines()[-1].startswith("tadmc: model package nowhere: config.json is not readable")


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("kind", ["rescaler", "enhancement", "joint"])
def test_true_shapes_on_a_gpu(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A few steps at the real size; prints time and memory a step."""
    import time

    from bench.random_sd21 import make_release

    make_release(tmp_path / "release", shapes="true", scale=16)
    np.save(tmp_path / "hr_512.npy", np.random.default_rng(0).integers(0, 256, (4, 512, 512, 3), dtype=np.uint8))
    config = Sd21StageConfig(kind=kind, scale=16, crop=512, batch=4, steps=5)
    made = TadmStage(config, fresh(tmp_path / "release", config), tmp_path, torch.device("cuda"))
    times: list[float] = []
    torch.cuda.reset_peak_memory_stats()
    train(made, Run(out=tmp_path / "out", on_step=lambda *_: times.append(time.perf_counter())))
    step = (times[-1] - times[1]) / (len(times) - 2)
    peak = torch.cuda.max_memory_allocated() / 2**30
    with capsys.disabled():
        print(f"\n{kind}: {step:.3f} s and {peak:.1f} GiB a step of 4 crops of 512 px")  # noqa: T201 - the test's purpose

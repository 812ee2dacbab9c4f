"""What no tensor of TADM tells: conventions as fields of a package, found out by trying; and ablated packages."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

import codec
from codec.cli import main
from codec.errors import ModelError
from codec.models.package import open_package
from codec.models.sd21 import probing
from codec.models.sd21.backbone import find_parts, load_backbone
from codec.models.sd21.config import Conventions, RescalerConfig, Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.one_step import velocity
from codec.models.sd21.package import load_encoder, load_package
from codec.models.sd21.probing import Finding
from codec.models.sd21.prompt import read_prompt
from codec.training.loop import Run, train
from codec.training.sd21 import trainable
from codec.training.sd21.config import Sd21StageConfig
from codec.training.sd21.stages import TadmStage
from codec.training.sd21.trainable import Trainable

TINY = RescalerConfig(scale=8, pixel_width=4, latent_width=16, blocks=1, inn_blocks=2, inn_growth=4)


def photo(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + k) + np.cos(y / 7 - k) for k in range(3)]
    return np.clip(128 + 50 * np.stack(waves, 2), 0, 255).astype(np.uint8)


def with_fields(package: Path, out: Path, **fields: object) -> Path:
    """A copy of a package with other fields in its config."""
    shutil.copytree(package, out)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | fields))
    return out


class TestFields:
    @pytest.mark.slow
    def test_each_changes_what_it_is_about(self, tiny_sd21: Path, tmp_path: Path) -> None:
        usual = load_package(tiny_sd21)
        factor, lr = usual.latent_codec.scaling_factor, torch.rand(1, 3, 4, 4) * 2 - 1
        x = torch.rand(1, 3, 64, 64) * 2 - 1
        made = {
            name: load_package(with_fields(tiny_sd21, tmp_path / name, conventions={name: value}))
            for name, value in (("latent_in", "unscaled"), ("latent_out", "scaled"), ("predictor_in", "unscaled"))
        }
        z = usual.latent_codec.encode(x)
        assert torch.equal(usual.encode(x), usual.rescaler.down(x, z))
        assert torch.equal(made["latent_in"].encode(x), usual.rescaler.down(x, z / factor))
        assert torch.equal(load_encoder(tmp_path / "latent_in").encode(x), made["latent_in"].encode(x))
        assert torch.equal(usual.read(lr), usual.rescaler.up(lr))
        assert torch.equal(made["latent_out"].read(lr), usual.rescaler.up(lr) / factor)
        z_hat = usual.read(lr)
        assert torch.equal(usual.predict(z_hat, None).flatten(), usual.predictor(z_hat * factor))
        assert torch.equal(made["predictor_in"].predict(z_hat, None).flatten(), usual.predictor(z_hat))

    @pytest.mark.slow
    def test_a_backbone_that_predicts_v(self, tiny_release: Path, tmp_path: Path) -> None:
        release = Path(shutil.copytree(tiny_release, tmp_path / "release"))
        schedule = release / "backbone/scheduler/scheduler_config.json"
        schedule.write_text(schedule.read_text().replace("epsilon", "v_prediction"))
        words = [
            "models", "import-tadm", "--backbone", release / "backbone", "--dfrm", release / "dfrm.pkl", "--tadm",
            release / "tadm.pkl", "--scale", 16, "--prompt", release / "prompt.npy", "-o", f"{tmp_path}/made",
        ]  # fmt: skip
        refused = CliRunner().invoke(main, [str(w) for w in words])
        assert refused.exit_code == ModelError.exit_code
        assert "that is 2.1-base, not 2.1" in refused.stderr
        done = CliRunner().invoke(main, [*map(str, words), "--convention", "prediction=v_prediction"])
        assert done.exit_code == 0, done.output
        made = load_package(tmp_path / "made", merge=False)
        z, v = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
        abar = made.scheduler.alpha_bar
        assert torch.equal(made.scheduler.fixed(z, v), velocity(z, v, abar))
        # z_t = sqrt(abar) z0 + sqrt(1 - abar) eps and v = sqrt(abar) eps - sqrt(1 - abar) z0 give z0 back
        z0, eps = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
        a, b = abar.sqrt(), (1 - abar).sqrt()
        assert torch.allclose(velocity(a * z0 + b * eps, a * eps - b * z0, abar), z0, atol=1e-5)

    @pytest.mark.slow
    def test_the_id_is_of_what_decides_decoding(self, tiny_sd21: Path, tmp_path: Path) -> None:
        want = open_package(tiny_sd21).model_id(16)
        config = open_package(tiny_sd21).config
        assert config["conventions"]["prompt"] is None
        # packages written before the fields existed
        old = with_fields(tiny_sd21, tmp_path / "old")
        fields = {k: v for k, v in config.items() if k not in ("conventions", "timestep")}
        fields["rescaler"] = {k: v for k, v in fields["rescaler"].items() if k not in ("inn", "pixel_branch")}
        (old / "config.json").write_text(json.dumps(fields))
        assert open_package(old).model_id(16) == want
        assert load_package(old).conventions == Conventions()
        for name, value, same in (
            ("latent_in", "unscaled", True), ("prompt", "a text", True), ("vae", "other", True),
            ("latent_out", "scaled", False), ("predictor_in", "unscaled", False), ("prediction", "v_prediction", False),
        ):  # fmt: skip
            changed = with_fields(tiny_sd21, tmp_path / name, conventions={name: value})
            assert (open_package(changed).model_id(16) == want) == same, name

    @pytest.mark.parametrize(
        ("fields", "words"),
        [({"conventions": {"latent_in": "both"}}, "latent_in is 'both', expected one of scaled, unscaled"),
         ({"conventions": {"other": 1}}, "other"), ({"conventions": {"prompt": 3}}, "prompt is 3"),
         ({"timestep": 1000}, "timestep is 1000"), ({"conventions": None}, "conventions")],
        ids=str,
    )  # fmt: skip
    def test_broken_ones(self, fields: dict[str, object], words: str, tiny_sd21: Path, tmp_path: Path) -> None:
        folder = with_fields(tiny_sd21, tmp_path / "broken", **fields)
        with pytest.raises(ModelError, match=words):
            load_package(folder)

    def test_of_the_command_line(self, tiny_release: Path, tmp_path: Path) -> None:
        words = ["models", "import-tadm", "--backbone", str(tiny_release / "backbone"), "--dfrm",
                 str(tiny_release / "dfrm.pkl"), "--tadm", str(tiny_release / "tadm.pkl"), "--scale", "16", "--prompt",
                 str(tiny_release / "prompt.npy"), "-o", f"{tmp_path}/made"]  # fmt: skip
        for more, said in (
            (["--convention", "latent_out=no"], "latent_out=unscaled|scaled"),
            (["--convention", "vae=other"], "--convention vae=other: expected one of"),
            (["--prompt-text", "a photograph"], "exclude each other"),
        ):
            wrong = CliRunner().invoke(main, [*words, *more])
            assert wrong.exit_code == 2
            assert said in " ".join(wrong.stderr.split())
        done = CliRunner().invoke(main, [*words, "--convention", "latent_out=scaled", "--vae",
                                         str(tiny_release / "backbone/vae")])  # fmt: skip
        assert done.exit_code == 0, done.output
        conventions = open_package(tmp_path / "made").config["conventions"]
        assert (conventions["latent_out"], conventions["vae"], conventions["prompt"]) == ("scaled", "other", None)


class TestAblations:
    def test_without_the_invertible_network(self) -> None:
        rescaler = Rescaler(replace(TINY, inn=False))
        feature = torch.randn(1, 3, 8, 8)
        assert rescaler.feature_to_lr(feature) is feature
        assert rescaler.lr_to_feature(feature) is feature
        assert not any(name.startswith("inv_module") for name in rescaler.state_dict())

    def test_without_the_pixel_branch(self) -> None:
        rescaler, z = Rescaler(replace(TINY, pixel_branch=False)), torch.randn(1, 4, 8, 8)
        one, other = (rescaler.feature(torch.rand(1, 3, 64, 64), z) for _ in range(2))
        assert torch.equal(one, other)
        assert one.shape == (1, 3, 8, 8)
        assert not torch.equal(one, rescaler.feature(torch.rand(1, 3, 64, 64), z + 1))

    @pytest.mark.parametrize("t", [1, 999])
    @pytest.mark.slow
    def test_one_timestep_for_everything(self, t: int, tiny_release: Path, tiny_sd21: Path, tmp_path: Path) -> None:
        stage = Sd21StageConfig(kind="enhancement", scale=16, predictor=t, unet_rank=2, vae_rank=2)
        prompt = read_prompt(tiny_release / "prompt.npy")
        Trainable.fresh(find_parts(tiny_release / "backbone"), prompt, stage).save(tmp_path / "fresh")
        # or from a package that has learned to predict
        Trainable.from_package(tiny_sd21, "enhancement", t).save(tmp_path / "from")
        for folder in (tmp_path / "fresh", tmp_path / "from"):
            assert not list(folder.glob("predictor*"))
            assert not list(folder.glob("scheduler*"))
            made = load_package(folder)
            assert [*made.predictor.parameters(), *made.scheduler.parameters()] == []
            abar = load_backbone(find_parts(tiny_release / "backbone")).alphas_cumprod[t]
            z, eps = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
            want = (z - (1 - abar).sqrt() * eps) / abar.sqrt()
            assert torch.allclose(made.scheduler(z, eps, torch.tensor([7.0])), want)
            assert made.predict(z, None).flatten().tolist() == [t]
        data = codec.encode(photo(100, 120), model=str(tmp_path / "from"))
        image = codec.decode(data, model=tmp_path / "from")
        assert image.info["timesteps"] == ((t,),)
        at_zero = codec.decode(data, model=tmp_path / "from", realism=0.0)
        assert np.array_equal(np.asarray(at_zero), np.asarray(image))
        assert open_package(tmp_path / "from").model_id(16) != open_package(tiny_sd21).model_id(16)

    def test_configs_survive_json(self) -> None:
        config = Sd21Config(rescaler=replace(TINY, inn=False), timestep=1, conventions=Conventions(prompt="a"))
        assert Sd21Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def finding(lr: float, latent: float, psnr: float, **conventions: str) -> Finding:
    return Finding(
        conventions=Conventions(**conventions), prompt="stored", vae="stored",
        lr_error=lr, latent_error=latent, psnr=psnr,
    )  # fmt: skip


class TestProbe:
    def test_what_is_best(self) -> None:
        own = finding(2.0, 0.30, 20.0)
        assert probing.best([own]) is own
        # hardly better is not better
        assert probing.doubt([own, finding(1.99, 0.299, 20.04, latent_in="unscaled")]) is None
        clearer = finding(2.0, 0.20, 15.0, latent_out="scaled")
        assert probing.best([own, clearer, finding(2.5, 0.1, 30.0, latent_in="unscaled")]) is clearer
        said = probing.doubt([own, clearer])
        assert said is not None
        assert "--convention latent_out=scaled" in said
        sharper = finding(2.0, 0.30, 22.0, predictor_in="unscaled")
        assert "--convention predictor_in=unscaled" in str(probing.doubt([own, sharper]))
        marks = [line.split()[0] for line in probing.table([own, sharper])]
        assert marks[1:3] == ["=", "*"]

    @pytest.mark.slow
    def test_every_combination_is_tried(self, tiny_sd21: Path, tmp_path: Path) -> None:
        Image.fromarray(photo(90, 150)).save(tmp_path / "a.png")
        done = CliRunner().invoke(
            main, ["models", "probe", str(tiny_sd21), str(tmp_path / "a.png"), "--json", "--device", "cpu"]
        )
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert len({json.dumps(one["conventions"]) for one in found}) == 16
        assert found[0]["conventions"] == open_package(tiny_sd21).config["conventions"]
        assert len({one["lr_error"] for one in found}) == 2
        assert len({one["latent_error"] for one in found}) == 4
        # the figures are those of encoding and decoding
        x = torch.from_numpy(photo(90, 150)[:64, :128].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        p = load_package(tiny_sd21)
        lr = ((p.encode(x).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
        psnr = 10 * torch.log10(4 / (p.decode(lr, plan=None).x_hat - x).square().mean())
        assert found[0]["psnr"] == pytest.approx(float(psnr), abs=1e-3)

    @pytest.mark.slow
    def test_other_prompts_and_vaes(self, tiny_sd21: Path, tiny_release: Path, tmp_path: Path) -> None:
        other = Path(shutil.copytree(tiny_release / "backbone/vae", tmp_path / "vae"))
        np.save(tmp_path / "p.npy", np.zeros((1, 77, 32), np.float32))
        Image.fromarray(photo(64, 64)).save(tmp_path / "a.png")
        words = ["models", "probe", str(tiny_sd21), str(tmp_path / "a.png"), "--device", "cpu"]
        done = CliRunner().invoke(main, [*words, "--vae", str(other), "--prompt", str(tmp_path / "p.npy")])
        assert done.exit_code == 0, done.output
        assert len(done.stdout.splitlines()) == 4 * 16 + 2
        assert sum(str(other) in line for line in done.stdout.splitlines()) == 32

    def test_of_another_family(self, tiny_tadsr: Path, tmp_path: Path) -> None:
        Image.fromarray(photo(64, 64)).save(tmp_path / "a.png")
        done = CliRunner().invoke(main, ["models", "probe", str(tiny_tadsr), str(tmp_path / "a.png")])
        assert done.exit_code == 8
        assert "a package of the family tadsr" in done.stderr


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_steps_scaled_out_are_recognised(
    tiny_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rescaler that learned to give the latent times the factor, in a package that says the contrary."""
    narrow = partial(RescalerConfig, pixel_width=4, latent_width=32, blocks=1, inn_blocks=2, inn_growth=8)
    monkeypatch.setattr(trainable, "RescalerConfig", narrow)
    store = tmp_path / "store"
    store.mkdir()
    rough = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    squares = np.stack([np.asarray(Image.fromarray(r).resize((128, 128), Image.Resampling.BICUBIC)) for r in rough])
    np.save(store / "hr_128.npy", squares)
    config = Sd21StageConfig(
        kind="rescaler", scale=16, crop=64, batch=2, steps=200, warmup=10, rate=1e-3, latent_out="scaled", log_steps=50
    )
    prompt = read_prompt(tiny_release / "prompt.npy")
    trained = Trainable.fresh(find_parts(tiny_release / "backbone"), prompt, config)
    train(TadmStage(config, trained, store, torch.device("cpu")), Run(out=tmp_path / "run"))
    right = probing.probe(tmp_path / "run/package", squares[0], device=torch.device("cpu"))
    assert probing.best(right).conventions.latent_out == "scaled"
    wrong = with_fields(tmp_path / "run/package", tmp_path / "wrong", conventions={})
    said = probing.doubt(probing.probe(wrong, squares[0], device=torch.device("cpu")))
    assert said is not None
    assert "--convention latent_out=scaled" in said

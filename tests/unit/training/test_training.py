"""The stages of the compact family run, learn, stop and resume, on a tiny store made from pictures in a folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from codec.cli.train import train_command
from codec.errors import InputError, ModelError
from codec.models.compact.package import load_package, merged, save_package
from codec.models.compact.v2.model import CompactModel
from codec.training.coding import code_store
from codec.training.compact.config import CompactStageConfig
from codec.training.compact.stages import CompactStage
from codec.training.compact.start import STAGES
from codec.training.config import read_toml
from codec.training.crops import CodedPairs, CropStore
from codec.training.loop import Run, train
from codec.training.losses import (
    artifacts,
    detail,
    l1,
    luma,
    mesh_l1,
    ms_ssim,
    phase_l1,
    smooth_l1,
    stipple,
    with_coarse_colour,
)
from codec.training.masks import mask_of
from codec.training.store import prepare

CPU = torch.device("cpu")
CONFIGS = Path(__file__).resolve().parents[3] / "codec" / "training" / "configs"
TINY = {"width": 8, "deep_width": 8, "blocks": (1, 1, 1), "climb_blocks": 1, "denoiser_width": 12, "denoiser_blocks": 1,
        "writer_width": 8, "writer_blocks": 1}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photo: Callable[[int, int], np.ndarray]) -> Path:
    source, folder = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("store")
    for i in range(5):
        Image.fromarray(photo(300 + i, 290)).save(source / f"{i}.png")
    Image.fromarray(photo(100, 100)).save(source / "too small.png")
    prepare(source, folder, holdout=2, sides=(448, 288))
    for scale in (1, 4, 8):
        code_store(folder, scale, 2)
    return folder


def stage(store: Path, init: Path | None = None, **values: object) -> CompactStage:
    defaults: dict = {
        "kind": "reader", "scale": 4, "crop": 64, "batch": 2, "steps": 4, "warmup": 1, "log_steps": 1,
        "evaluate_steps": 100, "model": TINY,
    }  # fmt: skip
    config = CompactStageConfig(**(defaults | values))
    return STAGES[config.kind](config, store, CPU, init)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {f"{f.stem}/{n}": t for f in sorted(folder.glob("*.safetensors")) for n, t in load_file(f).items()}


def test_the_store_keeps_the_last_squares_apart(store: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    crops, held_out = CropStore(store, device=CPU), CropStore(store, device=CPU, holdout=True)
    assert (len(crops), len(held_out)) == (3, 2)
    # the source pictures are in order of name, each cut to one square of 288 px in its middle
    want = photo(304, 290)[1:289, 8:296].astype(int)
    last = held_out.fixed(2, crop=256)[1].permute(1, 2, 0).add(1).mul(127.5)
    assert np.abs(last.numpy() - want[:256, :256]).max() < 0.01
    sample = crops.sample(6, 128, torch.Generator().manual_seed(0))
    assert sample.shape == (6, 3, 128, 128)
    assert -1 <= sample.min() < sample.max() <= 1
    assert len({float(x.sum()) for x in sample}) == 6


@pytest.mark.parametrize("scale", [1, 4, 8])
def test_a_coded_pair_shows_one_place(store: Path, scale: int) -> None:
    """Turned and cut alike: the LR is near the downscale of its own crop, and far from that of any other."""
    hr, lr, quality, masked = CodedPairs(store, scale, device=CPU).sample(8, 64, torch.Generator().manual_seed(1))
    assert lr.shape[-1] * scale == 64
    assert quality.shape == (8, 1, 1, 1)
    small = torch.nn.functional.avg_pool2d(hr, scale)
    own = (small - lr).abs().mean((1, 2, 3))
    other = (small - lr.roll(1, 0)).abs().mean((1, 2, 3))
    assert (own < 0.5 * other).all()
    assert not masked.any()


def masked_store(store: Path, folder: Path, masks: Callable[[np.ndarray], np.ndarray]) -> Path:
    """The same store with masks made of its squares' means over 8 x 8 pixels."""
    for path in store.glob("*.npy"):
        (folder / path.name).symlink_to(path)
    squares = np.load(folder / "hr_288.npy").astype(float)
    np.save(folder / "mask_288.npy", masks(squares.reshape(-1, 36, 8, 36, 8, 3).mean((2, 4, 5))).astype(np.uint8))
    return folder


def test_masks_are_cut_and_turned_like_their_crops(store: Path, tmp_path: Path) -> None:
    bright = CodedPairs(masked_store(store, tmp_path, lambda means: means > 120), 4, device=CPU)
    hr, _, _, masked = bright.sample(8, 64, torch.Generator().manual_seed(1))
    means = torch.nn.functional.avg_pool2d(hr.mean(1, keepdim=True).add(1).mul(127.5), 8)
    assert 0 < masked.mean() < 1
    assert torch.equal(masked, (means > 120).float())


def test_faces_and_text_become_cells_of_a_mask() -> None:
    mask = mask_of([(16.0, 40.0, 36.0, 60.0)], 64)
    assert mask.sum() == 16  # 12..40 by 36..64 pixels, a fifth of the side around it
    assert mask[4:8, 1:5].all()
    assert mask_of([(-9.0, -9.0, 70.0, 70.0)], 64).all()
    assert not mask_of([], 64).any()


@pytest.mark.parametrize("scale", [1, 4, 8])
def test_a_reader_learns(store: Path, tmp_path: Path, scale: int) -> None:
    made = stage(store, scale=scale, steps=40, batch=4, rate=3e-3, optimizer="muon", muon_rate=0.02)
    before = made.evaluate(tmp_path, 0)
    train(made, Run(out=tmp_path / "run"))
    after = made.evaluate(tmp_path, 40)
    assert [row["quality"] for row in before] == [row["quality"] for row in after]
    assert sum(row["psnr_r0"] for row in after) > sum(row["psnr_r0"] for row in before) + 0.1
    assert (tmp_path / f"sheet{scale}-000040.png").exists()


def test_writer_reader_then_texture(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage moves its own parts alone and carries the others on, but a denoiser behind a reader that moves on."""
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    folders = [tmp_path / name for name in ("reader", "rescaler", "texture")]
    expected = [{"reader4"}, {"reader4", "writer4"}, {"denoiser"}]
    before: dict[str, torch.Tensor] = {}
    init = None
    for folder, moving in zip(folders, expected, strict=True):
        train(stage(store, init, kind=folder.name, critic_width=6), Run(out=folder))
        init, after = folder / "package", weights(folder / "package")
        moved = {n.split("/")[0] for n, t in after.items() if n not in before or not torch.equal(t, before[n])}
        assert moved == moving
        assert all(math.isfinite(v) for row in rows(folder) for v in row.values())
        before = after
    model = load_package(folders[-1] / "package")
    assert isinstance(model, CompactModel)
    assert model.config.writers == model.config.denoisers == (4,)
    train(stage(store, init, kind="rescaler"), Run(out=tmp_path / "again"))
    assert {n.split("/")[0] for n in weights(tmp_path / "again" / "package")} == {"reader4", "writer4"}


@pytest.mark.slow
def test_scales_share_a_denoiser_and_each_has_its_entry(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained at scale 4, then at 4 and 8 in turn, from what was there; merged packages have one denoiser."""
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    values: dict = {"critic_width": 6, "steps": 2}
    for scale in (4, 8):
        train(stage(store, scale=scale, **values), Run(out=tmp_path / f"reader{scale}"))
    train(stage(store, tmp_path / "reader4/package", kind="texture", **values), Run(out=tmp_path / "alone"))
    save_package(merged([tmp_path / name / "package" for name in ("alone", "reader8")]), tmp_path / "both")
    begun = stage(store, tmp_path / "both", kind="texture", also=(8,), from_scale=4, **values)
    alone = weights(tmp_path / "alone/package")
    entry, trunk = (alone[f"denoiser/{name}"] for name in ("conv_in.4.weight", "blocks.0.conv1.weight"))
    before = dict(begun.model.named_parameters())
    assert torch.equal(before["denoiser.conv_in.8.weight"], entry.float())
    assert torch.equal(before["denoiser.blocks.0.conv1.weight"], trunk.float())
    train(begun, Run(out=tmp_path / "together"))
    after = weights(tmp_path / "together/package")
    moved = [after[f"denoiser/conv_in.{scale}.weight"] for scale in (4, 8)]
    assert not any(torch.equal(one, entry) for one in moved)
    assert not torch.equal(*moved)
    assert load_package(tmp_path / "together/package", (8,)).config.denoisers == (8,)  # type: ignore[union-attr]
    with pytest.raises(ModelError, match="the last denoiser is for scales"):
        merged([tmp_path / "together/package", tmp_path / "alone/package"])


def test_shading_is_carried_on_unless_the_stage_says_otherwise(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    values: dict = {"kind": "texture", "critic_width": 6}
    shaded = stage(store, **values, model=TINY | {"shading": 0.5})
    shaded.save(tmp_path / "a")
    assert shaded.model.config.shading == 0.5
    assert stage(store, tmp_path / "a", **values).model.config.shading == 0.5
    other = stage(store, tmp_path / "a", **values, model=TINY | {"shading": 1.0})
    assert other.model.config.shading == 1


def test_a_scale_named_twice_has_two_turns(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    begun = stage(store, kind="texture", also=(4, 8), critic_width=6, heads=0.1, windows=1)
    rng, entry = torch.Generator().manual_seed(1), dict(begun.model.named_parameters())["denoiser.conv_in.8.weight"]
    before = entry.detach().clone()
    for _ in range(2):
        begun.step(rng)
    assert torch.equal(entry, before)
    begun.step(rng)
    assert not torch.equal(entry, before)


class PlainDistance(torch.nn.Module):
    """In place of VGG16, whose weights are a package of their own."""

    def __init__(self, directions: float, levels: int) -> None:
        super().__init__()
        assert directions >= 0
        assert levels > 0

    widths, sizes = (3,), (1.0,)

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x]

    def between(self, made: list[torch.Tensor], expected: list[torch.Tensor]) -> torch.Tensor:
        return (made[0] - expected[0]).abs().mean((1, 2, 3))


def test_nothing_is_invented_under_a_mask(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    masked = masked_store(store, tmp_path, np.ones_like)
    values: dict = {"kind": "texture", "critic_width": 6}
    free, held = (stage(s, **values).step(torch.Generator().manual_seed(2)) for s in (store, masked))
    assert held["adversarial"] == 0
    assert free["adversarial"] != 0
    assert free["loss"] == held["loss"]


def test_coarse_colour_keeps_all_of_luma_and_no_dots() -> None:
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    shown = with_coarse_colour(x)
    assert torch.allclose(luma(shown), luma(x), atol=1e-6)
    dots, shown = (torch.diff(y - luma(y), dim=3).abs().mean() for y in (x, shown))
    assert shown < 0.1 * dots
    flat = torch.tensor([0.9, -0.8, 0.1]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert torch.allclose(with_coarse_colour(flat), flat, atol=1e-6)


def test_a_mesh_is_seen_whatever_its_sign_and_texture_is_not() -> None:
    rng = torch.Generator().manual_seed(0)
    photo, other = (torch.rand(1, 3, 64, 64, generator=rng) * 0.2 for _ in range(2))
    sign = torch.rand(1, 1, 64, 64, generator=rng).round() * 2 - 1
    dots = 0.2 * sign * (torch.arange(64) % 4 == 1)
    assert mesh_l1(photo + dots, photo) > 5 * mesh_l1(other, photo)
    assert mesh_l1(photo + dots, photo) > 2 * phase_l1(photo + dots, photo)
    assert mesh_l1(photo, photo) == 0
    quiet = 0.2 * photo  # where there is little else it shows more
    assert mesh_l1(quiet + dots, quiet) > 2 * mesh_l1(photo + dots, photo)


def test_stipple_is_chequerboard_that_the_photograph_has_not() -> None:
    """A slope, a wall's edge and less than there was cost nothing."""
    ramp = torch.linspace(-0.5, 0.5, 64).expand(1, 3, 64, 64)
    board = 0.1 * ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1)
    edge = (torch.arange(64) > 30) * 0.5
    assert stipple(ramp + board, ramp) == pytest.approx(0.1, rel=1e-3)
    assert stipple(ramp + edge, ramp) == pytest.approx(0, abs=1e-6)
    assert stipple(ramp, ramp + board) == 0
    assert stipple(ramp + board, ramp + board) == 0


def test_artifacts_are_bold_errors_that_the_reader_does_not_make() -> None:
    """Fine texture of the same mean error counts hardly; what the reader has wrong as well, not at all."""
    rng = torch.Generator().manual_seed(0)
    photo = torch.rand(1, 3, 64, 64, generator=rng) * 0.2
    signs = torch.rand(1, 1, 64, 64, generator=rng).round() * 2 - 1
    line = (torch.arange(64) % 16 == 0) * -0.32
    bold, fine = artifacts(photo + line, photo, photo), artifacts(photo + 0.02 * signs, photo, photo)
    assert line.abs().mean() == pytest.approx(0.02)
    assert bold > 100 * fine
    assert bold > 0
    assert artifacts(photo + line, photo, photo + line) == 0
    assert artifacts(photo + 0.5 * line, photo, photo + line) == 0
    half = artifacts(torch.cat([photo + line, photo]), photo.repeat(2, 1, 1, 1), photo.repeat(2, 1, 1, 1))
    assert half.shape == (2,)
    assert half[1] == 0


def test_detail_is_where_a_photograph_is_busy() -> None:
    """A slope and a sensor's grain count hardly, a pattern of forty levels nearly whole."""
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    slope = torch.linspace(-0.2, 0.2, 64).expand(1, 3, 64, 64)
    pattern = (torch.arange(64) % 4 < 2).float().mul(2).sub(1).expand(1, 3, 64, 64)
    smooth, busy = detail(slope + noise / 127.5), detail(slope + pattern * 20 / 127.5)
    assert smooth.max() < 0.4
    assert busy.min() > 0.9


def test_smooth_places_are_held_and_busy_ones_are_not() -> None:
    x = torch.zeros(1, 3, 32, 32)
    busy = torch.zeros(1, 1, 32, 32)
    busy[..., 16:] = 1.0
    left, right = x.clone(), x.clone()
    left[..., :16], right[..., 16:] = 0.1, 0.1
    assert smooth_l1(left, x, busy) == pytest.approx(0.05)
    assert smooth_l1(right, x, busy) == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"feature_levels": 5}, "feature_levels is 5"),
        ({"levels": (1.0,)}, "three weights"),
        ({"windows": 9, "batch": 8}, r"windows is 9, expected a number in 1\.\.8"),
    ],
)
def test_values_of_the_texture_stage_that_mean_nothing(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompactStageConfig(kind="texture", scale=4, **values)


@pytest.mark.parametrize("free", [True, False])
def test_heads_on_features_pull_where_something_may_be_invented(
    free: bool, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    folder = store if free else masked_store(store, tmp_path, np.ones_like)
    judged, plain = (stage(folder, kind="texture", critic_width=6, critic_warmup=1, heads=h) for h in (0.1, 0.0))
    for made in (judged, plain):
        rng = torch.Generator().manual_seed(2)
        shown = [made.step(rng) for _ in range(2)]
        assert ("heads" in shown[0]) == (made is judged)
    others = [n for n in judged.tensors() if n.startswith("model/") or "denoiser" in n]
    assert others
    alike = all(torch.equal(judged.tensors()[n], plain.tensors()[n]) for n in others)
    assert alike != free


@pytest.mark.parametrize("kind", ["reader", "texture"])
@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not(
    store: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codec.training.compact.texture.VggDistance", PlainDistance)
    values: dict = {"kind": kind, "optimizer": "muon", "critic_width": 6, "steps": 6, "heads": 0.1}
    train(stage(store, **values), Run(out=tmp_path / "whole"))
    seen: list[int] = []
    train(stage(store, **values), Run(out=tmp_path / "parts", minutes=0, on_step=lambda s, _: seen.append(s)))
    assert seen == [1]
    train(stage(store, **values), Run(out=tmp_path / "parts", on_step=lambda s, _: seen.append(s)))
    assert seen == [1, 2, 3, 4, 5, 6]
    whole, parts = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [n for n in whole if not torch.equal(whole[n], parts[n])] == []
    assert not list((tmp_path / "parts").glob("*.new"))


def test_figures_do_not_depend_on_how_many_squares_there_are(store: Path, tmp_path: Path) -> None:
    """Two held-out squares or sixteen: a mean is a mean."""
    made = stage(store)
    many = tmp_path / "many"
    many.mkdir()
    for path in store.glob("holdout_*.npy"):
        np.save(many / path.name, np.repeat(np.load(path), 8, 0))
    twice = stage(store)
    twice._store = many  # the same squares, eight times each
    for a, b in zip(made.evaluate(tmp_path, 0), twice.evaluate(tmp_path, 0), strict=True):
        assert a == pytest.approx(b, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind = ", "not a TOML file"), ('kind = "x"\nscale = 4', "kind is 'x'"),
        ('kind = "reader"', "scale"), ('kind = "reader"\nscale = 3', "scale is 3"),
        ('kind = "reader"\nscale = 4\ncrop = 100', "crop is 100"),
        ('kind = "reader"\nscale = 4\nspeed = 1', "unknown keys speed"),
        ('kind = "reader"\nscale = 4\nschedule = "steps"', "schedule is 'steps'"),
        ('kind = "reader"\nscale = 4\noptimizer = "sgd"', "optimizer is 'sgd'"),
        ('kind = "texture"\nscale = 4\nwindow = 256', "window is 256"),
        ('kind = "texture"\nscale = 4\nfull_strength = 2', "full_strength is 2"),
    ],
)  # fmt: skip
def test_bad_stage_files(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)):
        CompactStageConfig.from_file(tmp_path / "s.toml")


@pytest.mark.parametrize(
    "path", [p for p in sorted(CONFIGS.glob("*.toml")) if read_toml(p).get("family", "compact") == "compact"]
)
def test_shipped_stage_files_are_valid(path: Path) -> None:
    config = CompactStageConfig.from_file(path)
    assert path.stem == f"{config.kind}{'' if config.also else config.scale}"


def test_folders_that_cannot_be_used(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photographs"):
        prepare(tmp_path, tmp_path / "s", holdout=0, sides=(96,))
    with pytest.raises(InputError, match="no crop store"):
        CropStore(tmp_path, device=CPU)
    with pytest.raises(InputError, match="crop is 320, the store's squares end at 288"):
        CropStore(store, device=CPU).sample(1, 320, torch.Generator())


def test_the_command_line(tmp_path: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    """From a folder of photographs to a model package, by commands alone."""
    photos, store, run = tmp_path / "photos", tmp_path / "store", CliRunner()
    photos.mkdir()
    for i in range(3):
        Image.fromarray(photo(100 + i, 100)).save(photos / f"{i}.png")
    (tmp_path / "stage.toml").write_text(
        'kind = "reader"\nscale = 8\ncrop = 64\nbatch = 1\nsteps = 1\n[model]\nwidth = 8\ndeep_width = 8\n'
    )
    out = str(tmp_path / "out")
    for words in (
        ["prepare", str(photos), str(store), "--holdout=1", "--side=96"],
        ["code", str(store), "--scale=8", "--count=1"],
        ["run", str(tmp_path / "stage.toml"), f"--store={store}", f"--out={out}", "--device=cpu"],
        ["merge", str(tmp_path / "merged"), f"{out}/package"],
        ["heldout", str(photos), str(tmp_path / "heldout"), "--count=1"],
    ):
        done = run.invoke(train_command, words)
        assert done.exit_code == 0, done.output
    assert load_package(tmp_path / "merged").config.scales == (8,)
    missing = run.invoke(train_command, ["run", str(tmp_path / "stage.toml"), f"--store={tmp_path}", f"--out={out}"])
    assert missing.exit_code == InputError.exit_code
    assert missing.output.splitlines()[-1].startswith("tadmc: ")


def test_a_package_of_another_width_does_not_start_a_stage(store: Path, tmp_path: Path) -> None:
    train(stage(store, steps=1), Run(out=tmp_path))
    with pytest.raises(ModelError, match="does not fit its config"):
        stage(store, tmp_path / "package", model=TINY | {"width": 16})


def test_a_scale_begins_with_the_weights_of_another(store: Path, tmp_path: Path) -> None:
    stage(store).save(tmp_path / "four")
    four = weights(tmp_path / "four")
    for scale in (1, 8):
        stage(store, tmp_path / "four", scale=scale, from_scale=4, seed=9).save(tmp_path / f"new{scale}")
        new = weights(tmp_path / f"new{scale}")
        same = {n for n, t in new.items() if torch.equal(t, four.get(n.replace(f"reader{scale}", "reader4"), t[:0]))}
        own = {n for n in set(new) - same if not (new[n] == 0).all()}
        assert all("conv_in" in n or "climb" in n for n in own)
        assert any("below" in n for n in same)
    with pytest.raises(ModelError, match="no part of scale 16"):
        stage(store, tmp_path / "four", scale=8, from_scale=16)
    with pytest.raises(InputError, match="--init"):
        stage(store, scale=8, from_scale=4)


def test_ms_ssim_known_values() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 192, 192, generator=rng) * 2 - 1
    assert ms_ssim(x, x).item() == pytest.approx(1, abs=1e-5)
    assert ms_ssim(x, 0.5 * x).item() < 0.95
    assert ms_ssim(x, -x).item() < 0.1


def test_stages_of_one_config_differ_in_their_seed(store: Path) -> None:
    a, b, c = (stage(store, seed=seed).tensors() for seed in (0, 0, 1))
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert any(not torch.equal(a[n], c[n]) for n in a)


def test_the_phase_loss_sees_a_mesh_and_not_the_photograph(photo: Callable[[int, int], np.ndarray]) -> None:
    hr = torch.from_numpy(photo(128, 128).copy()).permute(2, 0, 1)[None].float().div(127.5).sub(1)
    blurred = torch.nn.functional.avg_pool2d(hr, 5, 1, 2, count_include_pad=False)
    mesh = torch.zeros_like(hr)
    mesh[..., ::4, ::4] = 0.1
    assert phase_l1(hr, hr).item() == 0
    assert phase_l1(hr + mesh, hr).item() == pytest.approx(0.1 * 2 * 15 / 16**2, rel=1e-3)
    assert phase_l1(blurred, hr).item() < 0.2 * l1(blurred, hr).item()
    assert phase_l1(hr + 0.3, hr).item() < 1e-6

"""Both stages run, lower their loss, stop and resume, on a tiny store made from pictures in a folder."""

from __future__ import annotations

import json
import math
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codec.errors import InputError, ModelError
from codec.models.compact.config import CompactConfig
from codec.models.compact.model import CompactModel
from codec.models.compact.package import load_package
from codec.training.config import StageConfig, load_stage
from codec.training.crops import CropStore
from codec.training.evaluate import evaluate
from codec.training.loop import Run, train
from codec.training.losses import ms_ssim
from codec.training.store import prepare

CPU = torch.device("cpu")
TINY = {"reader_width": 8, "reader_blocks": 1, "widths": (8, 8, 8), "blocks": (1, 1, 1), "half_width": 8,
        "predictor_width": 8}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photo: Callable[[int, int], np.ndarray]) -> Path:
    source, folder = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("store")
    for i in range(5):
        Image.fromarray(photo(300 + i, 290)).save(source / f"{i}.png")
    Image.fromarray(photo(100, 100)).save(source / "too small.png")
    prepare(source, folder, holdout=2)
    return folder


def stage(**values: object) -> StageConfig:
    defaults: dict = {
        "kind": "fidelity", "train": ("reader4", "reader16", "predictor4", "predictor16", "denoiser"),
        "scales": {4: 0.5, 16: 0.5}, "crop": 64, "batch": 2, "steps": 4, "warmup": 1, "evaluate_steps": 100,
        "model": TINY, "discriminator_width": 4, "log_errors": {4: (-9.0, -5.0), 16: (-8.0, -4.0)},
    }  # fmt: skip
    return StageConfig(**(defaults | values))


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


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


def test_a_writer_learns_and_stays_for_the_realism_stage(store: Path, tmp_path: Path) -> None:
    """What a stage leaves alone is carried on: the denoiser then sees the LR that encoders will write."""
    writing = {"model": TINY | {"writers": (16,), "writer_width": 8}, "lr_bits": 0.1}
    first, second = tmp_path / "fidelity", tmp_path / "realism"
    parts = ("writer16", "reader16", "predictor16", "predictor4")
    train(stage(**writing, train=parts), Run(store=store, out=first, device=CPU))
    learned = load_package(first / "package").writer(16).conv_out.weight
    assert float(learned.abs().max()) > 0
    train(stage(**writing, kind="realism", train=("denoiser",)),
          Run(store=store, out=second, device=CPU, init=first / "package"))  # fmt: skip
    assert torch.equal(load_package(second / "package").writer(16).conv_out.weight, learned)
    assert all(math.isfinite(v) for folder in (first, second) for row in rows(folder) for v in row.values())


def test_fidelity_then_realism(store: Path, tmp_path: Path) -> None:
    first = tmp_path / "fidelity"
    train(stage(), Run(store=store, out=first, device=CPU))
    assert (first / "sheet-000004.png").exists()
    assert load_package(first / "package").predictor(16).log_error_range.tolist() == [-8, -4]
    assert all(math.isfinite(v) for row in rows(first) for v in row.values())
    moved = tmp_path / "realism"
    train(stage(kind="realism", train=("denoiser",)), Run(store=store, out=moved, device=CPU, init=first / "package"))
    a, b = load_package(first / "package"), load_package(moved / "package")
    for name, part in a.parts().items():
        same = all(torch.equal(x, y) for x, y in zip(part.parameters(), b.parts()[name].parameters(), strict=True))
        assert same == (name != "denoiser"), name


def test_training_learns(store: Path, tmp_path: Path) -> None:
    config = stage(scales={4: 1.0}, train=("reader4", "predictor4", "denoiser"), steps=60, rate=3e-3, batch=4)
    run = Run(store=store, out=tmp_path, device=CPU)
    before, after = (
        evaluate(train(replace(config, steps=steps), run), CropStore(store, device=CPU), 4, chroma="420", count=4)
        for steps in (1, 60)
    )
    assert after["psnr_r0"] > before["psnr_r0"] + 0.1
    assert after["psnr_r0"] > after["psnr_bicubic"]


def test_stop_and_resume(store: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    config = stage(kind="realism", train=("denoiser",))
    train(config, Run(store=store, out=tmp_path, device=CPU, minutes=0, on_step=lambda s, _: seen.append(s)))
    assert seen == [1]
    train(config, Run(store=store, out=tmp_path, device=CPU, on_step=lambda s, _: seen.append(s)))
    assert seen == [1, 2, 3, 4]
    assert not list(tmp_path.glob("*.new"))


def test_stage_files_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    for text, words in (
        ("kind = ", "not a TOML file"),
        ('kind = "x"\ntrain = []\nscales = { 4 = 1.0 }', "kind is 'x'"),
        ('kind = "fidelity"\ntrain = []\nscales = { 4 = 0.5 }', "add up to 1"),
        ('kind = "fidelity"\ntrain = []\nscales = { 4 = 1.0 }\ncrop = 100', "crop is 100"),
        ('kind = "fidelity"\ntrain = []\nscales = { 4 = 1.0 }\nspeed = 1', "unknown keys speed"),
        ('kind = "fidelity"\ntrain = ["predictor4"]\nscales = { 4 = 1.0 }', "log_errors: nothing for scale 4"),
        ('kind = "fidelity"\ntrain = []\nscales = { 4 = 1.0 }\nlog_errors = { 4 = [1, 1] }', "1 is not below 1"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            load_stage(path)


@pytest.mark.parametrize("name", ["fidelity", "realism", "rescaler4", "rescaler8", "rescaler16", "rescaler32"])
def test_shipped_stage_files_are_valid(name: str) -> None:
    folder = Path(__file__).resolve().parents[3] / "codec/training/configs"
    stage = load_stage(folder / f"{name}.toml")
    assert stage.kind == ("realism" if name == "realism" else "fidelity")
    config = CompactConfig.from_dict(stage.model | {"scales": tuple(sorted(stage.scales))})
    assert set(stage.train) <= set(CompactModel(config).parts())


def test_unknown_parts_and_empty_folders_are_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no parts named reader8"):
        train(stage(train=("reader8",)), Run(store=store, out=tmp_path / "x", device=CPU))
    with pytest.raises(InputError, match="no photographs"):
        prepare(tmp_path, tmp_path / "s", holdout=0)
    with pytest.raises(InputError, match="no crop store"):
        CropStore(tmp_path, device=CPU)


def test_perceptual_terms_are_pluggable_and_never_silently_absent(store: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    def term(made: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
        calls.append(len(made))
        return (made - original).abs().mean((1, 2, 3))

    sys.modules["my_terms"] = types.SimpleNamespace(term=term)  # type: ignore[assignment]
    config = stage(kind="realism", train=("denoiser",), steps=2, perceptual={"my_terms:term": 0.1})
    train(config, Run(store=store, out=tmp_path / "a", device=CPU))
    assert calls == [2, 2]
    for name, error, words in (
        ("my_terms:other", InputError, "perceptual term 'my_terms:other'"),
        ("nothing", InputError, "known are lpips"),
        ("lpips-vgg", ModelError, "pyiqa|weights are not"),
    ):
        with pytest.raises(error, match=words):
            train(stage(kind="realism", perceptual={name: 1.0}), Run(store=store, out=tmp_path / "b", device=CPU))


def test_ms_ssim_known_values() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 192, 192, generator=rng) * 2 - 1
    assert ms_ssim(x, x).item() == pytest.approx(1, abs=1e-5)
    assert ms_ssim(x, 0.5 * x).item() < 0.95
    assert ms_ssim(x, -x).item() < 0.1

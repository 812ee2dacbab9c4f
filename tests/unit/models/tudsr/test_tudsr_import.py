"""LoRA files in the names that trainers give become a package."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

import codec
from codec.cli import main
from codec.errors import ModelError
from codec.models.package import open_package
from codec.models.tudsr.importing import read_lora
from codec.models.tudsr.package import load_package, load_weights

Photo = Callable[[int, int], np.ndarray]
NAMES = {
    "peft": lambda n, p: "base_model.model." + n.replace(f".{p}.", "."),
    "diffusers": lambda n, p: "unet." + n.replace(f".{p}.", "."),
    "old": lambda n, p: n.replace(f".lora_A.{p}.", ".lora.down.").replace(f".lora_B.{p}.", ".lora.up."),
    "adapted": lambda n, p: n.replace(f".{p}.", ".default."),
}


def files(package: Path, folder: Path, style: str = "peft") -> list[Path]:
    weights, _ = load_weights(package)
    paths = []
    for tensors, name in zip(weights.adapters, ("first", "second"), strict=True):
        paths.append(folder / f"{name}.safetensors")
        save_file({NAMES[style](n, name): t for n, t in tensors.items()}, paths[-1])
    return paths


def run(release: Path, folder: Path, *more: str | Path) -> Any:
    words = ["models", "import-tudsr", "--backbone", release / "backbone", "--prompt", release / "prompt.npy",
             "-o", folder / "made", *more]  # fmt: skip
    return CliRunner().invoke(main, [str(w) for w in words])


@pytest.mark.slow
def test_it_restores_as_the_package_it_was_made_of(tiny_tudsr: Path, tiny_release: Path, tmp_path: Path) -> None:
    first, second = files(tiny_tudsr, tmp_path)
    done = run(tiny_release, tmp_path, "--first", first, "--second", second)
    assert done.exit_code == 0, done.output
    assert open_package(tmp_path / "made").scales == (4,)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        for number, t in enumerate((200, 50)):
            made, want = (load_package(folder)(number, x, t) for folder in (tmp_path / "made", tiny_tudsr))
            assert torch.allclose(made, want, atol=1e-5)


@pytest.mark.parametrize("style", NAMES)
def test_names_of_every_kind(style: str, tiny_tudsr: Path, tmp_path: Path) -> None:
    weights, _ = load_weights(tiny_tudsr)
    adapter, tensors = read_lora(files(tiny_tudsr, tmp_path, style)[0], "first")
    assert (adapter.rank, adapter.alpha, adapter.name) == (4, 4, "first")
    assert tensors.keys() == weights.adapters[0].keys()
    assert all(torch.equal(t, weights.adapters[0][n]) for n, t in tensors.items())


def test_alpha(tmp_path: Path) -> None:
    factors = {"conv_out.lora_A.weight": torch.zeros(2, 4, 1, 1), "conv_out.lora_B.weight": torch.zeros(4, 2, 1, 1)}
    save_file(factors, tmp_path / "plain.safetensors")
    assert read_lora(tmp_path / "plain.safetensors", "first", 8)[0].alpha == 8
    torch.save(factors | {"conv_out.alpha": torch.tensor(16.0)}, tmp_path / "said.pt")
    assert read_lora(tmp_path / "said.pt", "first", 8)[0].alpha == 16


@pytest.mark.parametrize(
    ("tensors", "words"),
    [({"conv_in.weight": torch.zeros(2)}, "is no tensor of a LoRA"),
     ({"a.lora_A.weight": torch.zeros(2, 4), "b.lora_A.weight": torch.zeros(3, 4)}, "ranks"),
     ({"conv_out.lora_A.weight": torch.zeros(2, 4, 3, 3)}, "first adapter: ")],
    ids=["other", "ranks", "halved"],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_a_line(
    tensors: dict[str, torch.Tensor], words: str, tiny_release: Path, tmp_path: Path
) -> None:
    save_file(tensors, tmp_path / "a.safetensors")
    done = run(tiny_release, tmp_path, "--first", tmp_path / "a.safetensors", "--split", "2")
    assert done.exit_code == 6
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "made").exists()


def test_a_factor_a_file(tiny_release: Path, tiny_tudsr: Path, tmp_path: Path) -> None:
    first, second = files(tiny_tudsr, tmp_path)
    for split in ("2", "2x", "2x2x2", "3x2"):
        done = run(tiny_release, tmp_path, "--first", first, "--second", second, "--split", split)
        assert done.exit_code in (6, 8), split
        assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def package(tiny_tudsr: Path, tiny_sd21: Path, tiny_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("after")
    _, second = files(tiny_tudsr, folder)
    done = run(tiny_release, folder, "--tadm", str(tiny_sd21), "--second", second, "--split", "16x2")
    assert done.exit_code == 0, done.output
    return folder / "made"


class TestAfterTadm:
    """A package of TADM as the first pass: 16 x 2."""

    @pytest.mark.slow
    def test_files_of_both(self, package: Path, tiny_sd21: Path, photo: Photo) -> None:
        pixels = photo(150, 100)
        data = codec.encode(pixels, model=str(package))
        info = codec.read_info(data)
        assert (info.scale, info.payload, info.grid, info.lr_width) == (32, "png", 3, 5)
        # the LR is TADM's, of the photograph at half the size
        half = Image.fromarray(pixels).resize((75, 50), Image.Resampling.BICUBIC)
        want = np.asarray(codec.thumbnail(codec.encode(half, model=str(tiny_sd21)))).astype(int)
        assert np.abs(np.asarray(codec.thumbnail(data)).astype(int) - want).mean() < 2
        made = codec.decode(data, model=package)
        assert (made.size, made.info["timesteps"]) == ((150, 100), ((50,),))
        preview = codec.decode(data, model=package, passes=1)
        assert preview != made
        small = codec.decode(codec.encode(half, model=str(tiny_sd21)), model=tiny_sd21)
        assert preview.info["timesteps"][0] == pytest.approx(small.info["timesteps"][0], abs=5)
        part = codec.decode(data, model=package, region=(20, 10, 60, 50))
        assert np.array_equal(np.asarray(part), np.asarray(made)[10:60, 20:80])

    @pytest.mark.slow
    def test_its_identity_is_of_both(self, package: Path, tiny_tudsr: Path, photo: Photo, tmp_path: Path) -> None:
        assert not open_package(package).family.reads_pictures(open_package(package).config)
        open_package(package).verify()
        copy = tmp_path / "copy"
        shutil.copytree(package, copy)
        assert open_package(copy).model_id(32) == open_package(package).model_id(32)
        shutil.copy(copy / "first/predictor.safetensors", copy / "first/scheduler.safetensors")
        assert open_package(copy).model_id(32) != open_package(package).model_id(32)
        config = copy / "first/config.json"
        config.write_text(config.read_text().replace('"t_max": 200.0', '"t_max": 190.0'))
        with pytest.raises(ModelError, match="is not the one it was made with"):
            load_package(copy)
        with pytest.raises(ModelError, match="no model here restores a picture"):
            codec.restore(photo(9, 9), model=str(package))

    def test_what_cannot_be(self, tiny_sd21: Path, tiny_tudsr: Path, tiny_release: Path, tmp_path: Path) -> None:
        first, second = files(tiny_tudsr, tmp_path)
        cases: list[tuple[list[str | Path], int]] = [
            (["--tadm", tiny_sd21, "--first", first, "--split", "16x2"], 2),
            (["--tadm", tiny_sd21, "--second", second, "--split", "8x2"], 6),
            (["--tadm", tiny_tudsr, "--second", second, "--split", "16x2"], 6),
            (["--second", second], 2),
        ]
        for words, code in cases:
            done = run(tiny_release, tmp_path, *words)
            assert done.exit_code == code, done.output
            assert not (tmp_path / "made").exists()

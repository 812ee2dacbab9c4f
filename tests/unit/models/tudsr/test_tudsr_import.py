"""LoRA files in the names that trainers give become a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

pytest.importorskip("diffusers", reason="the tudsr family needs diffusers")
pytest.importorskip("peft", reason="the tudsr family needs peft")

from codec.cli import main
from codec.models.package import open_package
from codec.models.tudsr.importing import read_lora
from codec.models.tudsr.package import load_package, load_weights

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

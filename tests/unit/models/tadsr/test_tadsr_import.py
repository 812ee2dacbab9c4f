"""TADSR's published checkpoint, here a stand-in in its layout, becomes a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

pytest.importorskip("diffusers", reason="the tadsr family needs diffusers")
pytest.importorskip("peft", reason="the tadsr family needs peft")

from codec.cli import main
from codec.models.package import open_package
from codec.models.tadsr.package import load_package, load_weights


@pytest.fixture
def checkpoint(tiny_tadsr: Path, tiny_release: Path) -> dict[str, Any]:
    """What the release saves, of the tensors of a package."""
    from codec.models.sd21.backbone import find_parts, load_backbone

    weights, _ = load_weights(tiny_tadsr)
    vae = load_backbone(find_parts(tiny_release / "backbone")).vae
    suffixes = ("conv1", "conv2", "conv_in", "conv_shortcut", "conv", "conv_out", "to_k", "to_q", "to_v", "to_out.0")
    layers = [n for n, _ in vae.encoder.named_modules() if n.endswith(suffixes)]
    lora = {n: t for n, t in weights.encoder.items() if "lora" in n}
    return {
        "state_dict_unet": dict(weights.unet), "state_dict_vae": lora,
        "state_dict_vae_time": {n: t for n, t in weights.encoder.items() if n not in lora},
        "rank_unet": 4, "rank_vae": 4,
        **{f"unet_lora_{a.name.removeprefix('default_')}_modules": list(a.targets)
           for a in weights.config.unet_adapters},
        "vae_lora_encoder_modules": [*(f"encoder.{n}" for n in layers), "quant_conv"],
    }  # fmt: skip


def imported(checkpoint: dict[str, Any], release: Path, folder: Path, *more: str) -> Any:
    torch.save(checkpoint, folder / "tadsr.pkl")
    words = ["models", "import-tadsr", "--backbone", str(release / "backbone"), "--tadsr", str(folder / "tadsr.pkl"),
             "--prompt", str(release / "prompt.npy"), "-o", str(folder / "made"), *more]  # fmt: skip
    return CliRunner().invoke(main, words)


@pytest.mark.slow
def test_it_restores_as_the_package_it_was_made_of(
    checkpoint: dict[str, Any], tiny_tadsr: Path, tiny_release: Path, tmp_path: Path
) -> None:
    done = imported(checkpoint, tiny_release, tmp_path)
    assert done.exit_code == 0, done.output
    assert open_package(tmp_path / "made").scales == (4,)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    made, want = (load_package(folder, merge=False).restore(x, 300).x_hat for folder in (tmp_path / "made", tiny_tadsr))
    assert torch.allclose(made, want, atol=1e-5)


def test_time_layers_from_the_release_s_vae(
    checkpoint: dict[str, Any], tiny_tadsr: Path, tiny_release: Path, tmp_path: Path
) -> None:
    time = checkpoint["state_dict_vae_time"]
    torch.save({"state_dict": time} | {}, tmp_path / "vae.pkl")
    done = imported(
        checkpoint | {"state_dict_vae_time": {}}, tiny_release, tmp_path, "--time-vae", str(tmp_path / "vae.pkl")
    )
    assert done.exit_code == 0, done.output
    assert open_package(tmp_path / "made").model_id(4)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"rank_unet": "4"}, "rank_unet"), ({"state_dict_vae": None}, "state_dict_vae"),
     ({"unet_lora_others_modules": []}, "unet_lora_others_modules"), ({"state_dict_vae_time": {}}, "tensors missing")],
    ids=str,
)  # fmt: skip
def test_what_is_missing_is_named(
    change: dict[str, Any], words: str, checkpoint: dict[str, Any], tiny_release: Path, tmp_path: Path
) -> None:
    done = imported(checkpoint | change, tiny_release, tmp_path)
    assert done.exit_code == 6
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "made").exists()

"""The `sd21` family at the true shapes of Stable Diffusion 2.1-base, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

import codec
from codec.models.sd21.package import load_package

KODIM = Path(__file__).resolve().parents[4] / "examples" / "kodim21.png"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bench.random_sd21 import make_release
    from codec.models.sd21.importing import import_tadm

    folder = tmp_path_factory.mktemp("true")
    make_release(folder, shapes="true", scale=16)
    import_tadm(
        folder / "x16", backbone=str(folder / "backbone"), dfrm=folder / "dfrm.pkl", tadm=folder / "tadm.pkl",
        scale=16, prompt=folder / "prompt.npy",
    )  # fmt: skip
    return folder / "x16"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_on_a_cpu(package: Path) -> None:
    pipeline = load_package(package)
    counts = [sum(p.numel() for p in n.parameters()) for n in (pipeline.denoiser.unet, pipeline.latent_codec.vae)]
    assert [round(n / 1e6, 1) for n in counts] == [865.9, 83.7]
    del pipeline
    data = codec.encode(KODIM, model=str(package))
    assert codec.read_info(data).payload == "png"
    image = codec.decode(data, model=package, device="cpu")
    assert image.size == (768, 512)
    assert np.asarray(image).std() > 0


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
class TestOnAGpu:
    def test_a_photograph(self, package: Path) -> None:
        """bf16 on the GPU against fp32 on the same device: near, as random weights have no structure to lose."""
        data = codec.encode(KODIM, model=str(package), device="cuda")
        half, full = (
            np.asarray(codec.decode(data, model=package, device="cuda", dtype=dtype)).astype(float)
            for dtype in ("bf16", "fp32")
        )
        assert half.shape == full.shape == (512, 768, 3)
        assert 10 * np.log10(255**2 / np.mean((half - full) ** 2)) > 25

    def test_compiled_against_eager(self, package: Path) -> None:
        data = codec.encode(KODIM, model=str(package), device="cuda")
        eager, compiled = (
            np.asarray(codec.decode(data, model=package, device="cuda", compile=on)).astype(float)
            for on in (False, True)
        )
        difference = np.abs(compiled - eager)
        assert difference.mean() <= 0.2
        assert np.percentile(difference, 99.9) <= 2

    def test_little_memory_is_an_error_not_a_crash(self, package: Path) -> None:
        data = codec.encode(KODIM, model=str(package), device="cuda")
        with pytest.raises(codec.ModelError, match="too little memory"):
            codec.decode(data, model=package, device="cuda", max_vram=1.0)
        assert codec.decode(data, model=package, device="cuda", max_vram=8.0).size == (768, 512)

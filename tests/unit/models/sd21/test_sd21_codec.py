"""Files of the `sd21` family through the public functions, on a tiny stand-in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

import codec
from codec.cli import main
from codec.container.constants import GridPreset
from codec.container.reader import read
from codec.container.writer import write
from codec.errors import FormatError, InputError, ModelError
from codec.geometry import Size, lr_size
from codec.image.rows_in import ArrayRows
from codec.models.device import resolve_device
from codec.models.sd21 import running
from codec.models.sd21.decoding import Sd21Restorer
from codec.models.sd21.geometry import denoiser_plan, timestep_grid
from codec.models.sd21.package import load_package
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.vae_strips import decode_in_strips
from codec.models.sd21.writing import Sd21LrEncoder


def photo(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + k) + np.cos(y / 7 - k) for k in range(3)]
    return np.clip(128 + 50 * np.stack(waves, 2), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def coded(tiny_sd21: Path) -> bytes:
    return codec.encode(photo(200, 150), model=str(tiny_sd21))


class TestFiles:
    def test_the_file_says_what_it_is(self, coded: bytes, tiny_sd21: Path) -> None:
        """The model's scale and payload are taken where none is asked for."""
        info = codec.read_info(coded)
        assert (info.scale, info.payload, info.quality) == (16, "png", 100)
        assert read(coded).header.grid == GridPreset.LATENT_96_32
        assert codec.thumbnail(coded).size == (10, 13)
        with pytest.raises(ModelError, match="written for model"):
            codec.decode(coded)
        with pytest.raises(ModelError, match="written for model"):
            codec.decode(coded, any_model=True)  # a compact model has another tile grid

    @pytest.mark.slow
    def test_pixels(self, coded: bytes, tiny_sd21: Path) -> None:
        whole = codec.decode(coded, model=tiny_sd21)
        assert whole.size == (150, 200)
        pixels = np.asarray(whole)
        assert np.array_equal(pixels, np.asarray(codec.decode(coded, model=tiny_sd21)))
        part = np.asarray(codec.decode(coded, model=tiny_sd21, region=(30, 50, 70, 90)))
        assert np.array_equal(part, pixels[50:140, 30:100])
        ((t,),) = whole.info["timesteps"]
        assert 10 <= t <= 200

    @pytest.mark.slow
    def test_options_have_an_effect(self, coded: bytes, tiny_sd21: Path) -> None:
        def pixels(**named: Any) -> np.ndarray:
            return np.asarray(codec.decode(coded, model=tiny_sd21, **named)).astype(int)

        usual = pixels()
        for named in ({"realism": 0.0}, {"denoise": False}, {"fixed_timestep": 10.0}, {"dtype": "bf16"}):
            assert np.abs(pixels(**named) - usual).max() > 0
        assert np.array_equal(pixels(realism=0.0), pixels(fixed_timestep=10.0))
        assert np.array_equal(pixels(seed=5), usual)

    @pytest.mark.slow
    def test_a_lossy_lr(self, tiny_sd21: Path) -> None:
        data = codec.encode(photo(200, 150), model=str(tiny_sd21), payload="av1", quality=60)
        assert codec.read_info(data).payload == "av1"
        assert codec.decode(data, model=tiny_sd21).size == (150, 200)

    def test_its_own_timesteps(self, tiny_sd21: Path) -> None:
        """A map has a byte for each tile of the denoiser."""
        data = codec.encode(photo(100, 1000), model=str(tiny_sd21))
        file = read(data)
        levels = bytes([0, 255])
        with_map = write(replace(file, timesteps=levels))
        got = codec.decode(with_map, model=tiny_sd21)
        assert got.info["timesteps"] == ((10, 200),)
        assert not np.array_equal(np.asarray(got), np.asarray(codec.decode(data, model=tiny_sd21)))
        for wrong in (b"\0", b"\0" * 3):
            broken = write(replace(file, timesteps=wrong))
            assert codec.read_info(broken).timesteps
            with pytest.raises(FormatError, match="the picture has 2 tiles"):
                codec.decode(broken, model=tiny_sd21)

    def test_the_commands_that_look_inside(self, coded: bytes, tiny_sd21: Path, tmp_path: Path) -> None:
        path, run = tmp_path / "a.tadm", CliRunner()
        path.write_bytes(coded)
        for words, code in (
            (["verify", str(path), "--model", str(tiny_sd21)], 0),
            (["verify", str(path), "--any-model"], 0),
            (["verify", str(path)], ModelError.exit_code),
            (["info", str(path), "--json"], 0),
            (["thumbnail", str(path), "-o", str(tmp_path / "lr.png")], 0),
        ):
            done = run.invoke(main, words)
            assert done.exit_code == code, done.output
        with Image.open(tmp_path / "lr.png") as lr:
            assert lr.size == (10, 13)

    def test_a_target_size_has_no_table(self, tiny_sd21: Path) -> None:
        with pytest.raises(InputError, match="no table of rates"):
            codec.encode(photo(64, 64), bpp=1, model=str(tiny_sd21))


@pytest.mark.parametrize("width", [1, 64, 767, 768, 769, 1280, 1281, 5000])
def test_the_map_has_a_value_for_each_tile(width: int) -> None:
    cells = -(-width // 64) * 8
    plan = denoiser_plan(8, cells)
    assert timestep_grid(Size(width, 33)) == Size(plan.columns, plan.rows)


class TestMemory:
    @pytest.fixture
    def restorer(self, tiny_sd21: Path) -> Sd21Restorer:
        return Sd21Restorer(load_package(tiny_sd21).place(resolve_device("cpu"), torch.float32), batch=8)

    def restore(self, restorer: Sd21Restorer) -> np.ndarray:
        return restorer.restore(photo(8, 104))[0].astype(int)

    def test_strips_change_only_rounding(self, tiny_sd21: Path) -> None:
        vae = load_package(tiny_sd21).latent_codec.vae
        z = torch.randn(2, 4, 9, 13, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            whole = vae.decode(z, return_dict=False)[0]
            for samples in (1, 3000, 10**9):
                torch.testing.assert_close(decode_in_strips(vae, z, samples), whole, atol=2e-5, rtol=0)

    def test_too_little_for_the_batch(self, restorer: Sd21Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, seen, denoise = self.restore(restorer), [], Sd21Pipeline.denoise

        def scarce(self: Sd21Pipeline, *args: object, batch: int, **named: Any) -> torch.Tensor:
            seen.append(batch)
            if batch > 2:
                raise torch.OutOfMemoryError
            return denoise(self, *args, batch=batch, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(Sd21Pipeline, "denoise", scarce)
        assert np.abs(self.restore(restorer) - usual).max() <= 1
        assert seen == [8, 4, 2]

    def test_too_little_for_the_vae(self, restorer: Sd21Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, vae = self.restore(restorer), restorer._pipeline.latent_codec
        monkeypatch.setattr(vae.vae, "decode", _out_of_memory)
        assert np.abs(self.restore(restorer) - usual).max() <= 1
        monkeypatch.setattr(vae, "decode", _out_of_memory)
        with pytest.raises(ModelError, match="too little memory for the VAE's decoder in strips"):
            self.restore(restorer)

    def test_too_little_for_one_tile(self, restorer: Sd21Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Sd21Pipeline, "denoise", _out_of_memory)
        with pytest.raises(ModelError, match="too little memory for one tile of the denoiser"):
            self.restore(restorer)

    @pytest.mark.parametrize("step", ["read", "predict"])
    def test_too_little_for_the_other_steps(
        self, restorer: Sd21Restorer, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Sd21Pipeline, step, _out_of_memory)
        with pytest.raises(ModelError, match="too little memory for"):
            self.restore(restorer)

    def test_large_tiles_go_in_strips(self, restorer: Sd21Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
        usual = self.restore(restorer)
        monkeypatch.setattr(running, "_WHOLE_CELLS", 100)
        monkeypatch.setattr(restorer._pipeline.latent_codec.vae, "decode", _out_of_memory)
        assert np.abs(self.restore(restorer) - usual).max() <= 1


def _out_of_memory(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError


@pytest.mark.long
def test_networks_compile_in_one_graph(tiny_sd21: Path) -> None:
    """Without code generation: a break of the graph would be an error here."""
    pipeline = load_package(tiny_sd21)
    z, t, prompt = torch.randn(1, 4, 8, 8), torch.tensor([50.0]), pipeline.denoiser.prompt
    with torch.no_grad():
        unet = torch.compile(pipeline.denoiser.unet, fullgraph=True, backend="eager")
        expected = pipeline.denoiser.unet(z, t, encoder_hidden_states=prompt, return_dict=False)[0]
        torch.testing.assert_close(unet(z, t, encoder_hidden_states=prompt, return_dict=False)[0], expected)
        decoder = pipeline.latent_codec.vae.decoder
        torch.testing.assert_close(torch.compile(decoder, fullgraph=True, backend="eager")(z), decoder(z))


class _Boxes(Sd21LrEncoder):
    """A rescaler that looks at nothing but its own pixels."""

    def __init__(self) -> None:
        self._encoder = SimpleNamespace(scale=16)  # type: ignore[assignment]
        self.seen: list[tuple[int, int]] = []

    def write(self, pixels: np.ndarray) -> np.ndarray:
        self.seen.append((pixels.shape[0], pixels.shape[1]))
        size = lr_size(Size(pixels.shape[1], pixels.shape[0]), 16)
        return pixels[::16, ::16][: size.height, : size.width]


@pytest.mark.parametrize("height", [3, 128, 1000])
@pytest.mark.parametrize(("h", "w"), [(5000, 700), (2500, 3001), (40, 17)])
def test_large_pictures_are_written_in_pieces(h: int, w: int, height: int) -> None:
    pixels = np.arange(h * w * 3, dtype=np.uint32).reshape(h, w, 3).astype(np.uint8)
    network = _Boxes()
    strips = list(network.strips(ArrayRows(pixels), height, 100))
    assert np.array_equal(np.concatenate(strips), pixels[::16, ::16])
    assert max(rows * columns for rows, columns in network.seen) <= (2048 + 2 * 256) ** 2

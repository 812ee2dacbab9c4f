"""Architecture compact-2: cost, reach, exactness of pieces, and the dial."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import codec
from codec.arrays import crop, no_progress
from codec.container.reader import read
from codec.geometry import TIMESTEP_TILE, Box
from codec.lr import StoredLr
from codec.models.compact.decoding import CompactRestorer
from codec.models.compact.package import load_package, save_package
from codec.models.compact.torch_networks import SecondNetwork, TorchWriter
from codec.models.compact.v2.config import SCALES, CompactConfig
from codec.models.compact.v2.model import CompactModel
from codec.models.compact.v2.reach import halo
from codec.models.family import Recipe
from codec.options import DecodeOptions
from codec.tiling.noise import noise

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def package(tiny_second: Path) -> Path:
    return tiny_second


def network(folder: Path, scale: int) -> SecondNetwork:
    return SecondNetwork(load_package(folder, (scale,), decoding=True), scale, CPU, torch.float32)


def restored(net: SecondNetwork, lr: np.ndarray, realism: float = 1.0, seed: int = 0) -> np.ndarray:
    drawn = noise(0, 0, lr.shape[1] * net.scale, lr.shape[0] * net.scale, seed)
    return net.restore(lr, 40, drawn, None, realism=realism, denoise=True)[0]


def macs_a_pixel(scale: int, *, texture: bool, side: int = 256) -> float:
    """Of the architecture's default widths."""
    model, total = CompactModel(CompactConfig(scales=(scale,), denoisers=(scale,))), 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += out.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    lr, t = torch.zeros(1, 3, side // scale, side // scale), torch.ones(1, 1, side // 4, side // 4)
    with torch.no_grad():
        model(lr, torch.ones(1, 1, 1, 1), scale, t if texture else None, torch.zeros(1, 1, side, side))
    return total / side**2


@pytest.mark.parametrize("scale", SCALES)
def test_cost(scale: int) -> None:
    assert 9_000 < macs_a_pixel(scale, texture=False) <= 27_000
    assert macs_a_pixel(scale, texture=True) <= 40_000


def test_all_scales_together_are_small() -> None:
    model = CompactModel(CompactConfig(denoisers=(2, 4, 8, 16, 32), writers=(4, 8)))
    assert sum(2 * p.numel() for p in model.parameters()) <= 8_000_000


@pytest.mark.parametrize("texture", [False, True], ids=["reader", "texture"])
@pytest.mark.parametrize("scale", SCALES)
def test_halo_is_the_reach_of_the_layers_rounded_up(scale: int, *, texture: bool) -> None:
    """By gradients of positive weights in double precision, which no path through the default layers escapes."""
    denoisers = (scale,) if texture else ()
    config = CompactConfig(scales=(scale,), width=2, deep_width=2, denoiser_width=2, denoisers=denoisers)
    model, start = CompactModel(config).double(), halo(config, scale) + TIMESTEP_TILE
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1 / parameter[0].numel() if parameter.dim() > 1 else 0)
    length, tall = 2 * start, TIMESTEP_TILE
    lr = torch.rand(1, 3, tall // scale, length // scale, dtype=torch.float64, requires_grad=True)
    drawn = torch.rand(1, 1, tall, length, dtype=torch.float64, requires_grad=True)
    t = torch.full((1, 1, tall // 4, length // 4), 200.0, dtype=torch.float64) if texture else None
    made = model(lr, torch.ones(1, 1, 1, 1, dtype=torch.float64), scale, t, drawn)
    made[..., start : start + TIMESTEP_TILE].sum().backward()
    inputs = [(x.grad, s) for x, s in ((lr, scale), (drawn, 1)) if x.grad is not None]
    assert len(inputs) == 1 + texture
    reach = max(start - s * int(grad.abs().sum((0, 1, 2)).nonzero().min()) for grad, s in inputs)
    # a map of timesteps is interpolated outside the layers
    farthest = max(reach, 2 * (config.denoiser_blocks + 1) * 4 + 96) if texture else reach
    assert reach <= halo(config, scale) < farthest + TIMESTEP_TILE


def test_each_scale_has_its_own_way_into_the_denoiser(package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    """One model of all scales, as it is trained, gives what a decoder with the parts of one scale gives."""
    whole = load_package(package, SCALES, decoding=True)
    for scale in (2, 8):
        lr = photo(256 // scale, 256 // scale)
        alone, among = (SecondNetwork(m, scale, CPU, torch.float32) for m in (load_package(package, (scale,)), whole))
        assert np.array_equal(restored(alone, lr), restored(among, lr))
        assert not np.array_equal(restored(alone, lr), restored(alone, lr, 0.0))


@pytest.mark.parametrize("scale", [1, 4, pytest.param(8, marks=pytest.mark.long), 32])
def test_pieces_equal_the_whole_to_the_last_bit(
    package: Path, photo: Callable[[int, int], np.ndarray], scale: int
) -> None:
    net = network(package, scale)
    file = read(codec.encode(photo(700, 520), scale=scale, model=str(package), effort="fast"))
    recipe = Recipe(size=file.header.size, quality=file.header.quality, options=DecodeOptions(realism=1.0))

    def run(area: Box, side: int, whole_pixels: int) -> np.ndarray:
        out, restorer = np.zeros((520, 700, 3), np.uint8), CompactRestorer(net, side=side, whole_pixels=whole_pixels)
        for piece in restorer.pieces(StoredLr(file), recipe, area, streamed=False, on_progress=no_progress):
            crop(out, piece.box)[:] = piece.pixels
        return out

    everything = Box(0, 0, 700, 520)
    whole = run(everything, 64, 2**30)
    assert whole.any(2).mean() > 0.9
    assert np.array_equal(run(everything, 320, 0), whole)
    for area in (Box(0, 0, 1, 1), Box(333, 301, 130, 65), Box(660, 500, 40, 20)):
        assert np.array_equal(crop(run(area, 192, 0), area), crop(whole, area))


@pytest.mark.parametrize("scale", SCALES)
def test_pieces_of_a_writer_equal_the_whole(package: Path, photo: Callable[[int, int], np.ndarray], scale: int) -> None:
    writer, hr = TorchWriter.load(package, scale), photo(448, 320)
    whole, halo = writer.residual(hr, 50), writer.halo
    assert np.abs(whole).max() > 1
    left, top = 128, 64
    part = writer.residual(hr[top - min(top, halo) :, left - min(left, halo) :], 50)
    inner = part[min(top, halo) // scale :, min(left, halo) // scale :]
    assert np.array_equal(inner, whole[top // scale :, left // scale :])


def test_realism_zero_is_the_reader_alone(
    package: Path, photo: Callable[[int, int], np.ndarray], tmp_path: Path
) -> None:
    """Bit-equal with and without the denoiser, and away from what realism 1 gives."""
    torch.manual_seed(1)
    full = load_package(package, (4,))
    bare = CompactModel(CompactConfig.from_dict(full.config.to_dict() | {"denoisers": [], "writers": []}))
    bare.readers.load_state_dict(full.readers.state_dict())
    save_package(bare, tmp_path / "bare")
    lr = photo(64, 48)[:48, :64]
    plain = restored(network(tmp_path / "bare", 4), lr, 1.0)
    assert np.array_equal(restored(network(package, 4), lr, 0.0), plain)
    assert not np.array_equal(restored(network(package, 4), lr, 1.0), plain)


def test_the_seed_has_a_part_in_the_texture_alone(package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    net, lr = network(package, 4), photo(48, 48)
    assert np.array_equal(restored(net, lr, 0.0, seed=1), restored(net, lr, 0.0, seed=2))
    assert not np.array_equal(restored(net, lr, 1.0, seed=1), restored(net, lr, 1.0, seed=2))


def test_the_dial_moves_away_from_the_reader_steadily(package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    net, lr = network(package, 8), photo(40, 40)
    zero = restored(net, lr, 0.0).astype(float)
    errors = [np.mean((restored(net, lr, r) - zero) ** 2) for r in (0, 0.25, 0.5, 0.75, 1)]
    assert errors == sorted(errors)
    assert errors[0] == 0 < errors[1]


def test_a_missing_denoiser_is_said(package: Path, tmp_path: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    shutil.copytree(package, tmp_path / "p")
    (tmp_path / "p/denoiser.safetensors").unlink()
    with pytest.raises(codec.ModelError, match="denoiser"):
        codec.encode(photo(64, 64), scale=4, model=str(tmp_path / "p"))

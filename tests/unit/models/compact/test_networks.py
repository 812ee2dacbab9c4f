from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import codec
from codec.arrays import crop, no_progress
from codec.container.reader import read
from codec.geometry import Box, Size
from codec.lr import StoredLr
from codec.models.compact.decoding import CompactRestorer
from codec.models.compact.package import load_package
from codec.models.compact.torch_networks import FirstNetwork
from codec.models.compact.v1 import scheduler
from codec.models.compact.v1.config import CompactConfig
from codec.models.compact.v1.model import CompactModel
from codec.models.family import Recipe
from codec.options import DecodeOptions
from codec.tiling.pieces import Piece

KODIM = Path(__file__).resolve().parents[4] / "examples" / "kodim21.png"

CPU = torch.device("cpu")


def network(folder: Path, scale: int) -> FirstNetwork:
    return FirstNetwork(load_package(folder, (scale,), decoding=True), scale, CPU, torch.float32)


def restored(
    net: FirstNetwork, lr: np.ndarray, noise: np.ndarray, t: np.ndarray | None = None, realism: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    return net.restore(lr, 40, noise, t, realism=realism, denoise=True)


def pieces(net: FirstNetwork, data: bytes, area: Box, **sizes: int) -> list[Piece]:
    file = read(data)
    size = Size(file.header.size.width, file.header.size.height)
    recipe = Recipe(size=size, quality=file.header.quality, options=DecodeOptions(realism=1.0))
    made = CompactRestorer(net, **sizes).pieces(StoredLr(file), recipe, area, streamed=False, on_progress=no_progress)
    return list(made)


def macs_per_pixel(model: CompactModel, scale: int, side: int = 256) -> float:
    total = 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += out.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    lr = torch.zeros(1, 3, side // scale, side // scale)
    model(lr, torch.ones(1, 1, 1, 1), scale, torch.ones(1, 1, 1, 1), torch.zeros(1, 1, side, side))
    return total / side**2


@pytest.mark.parametrize("scale", [4, 8, 16, 32])
def test_budget(scale: int) -> None:
    model = CompactModel(CompactConfig(scales=(4, 8, 16, 32)))
    assert macs_per_pixel(model, scale) <= 60_000
    assert sum(2 * p.numel() for p in model.state_dict().values()) <= 8_000_000


@pytest.mark.parametrize("scale", [4, 8, 16, 32])
def test_halo_covers_the_true_reach(tiny_package: Path, scale: int) -> None:
    """Change one LR pixel in the middle: nothing farther away than the halo may move."""
    net = network(tiny_package, scale)
    side = 2 * net.halo + 192
    lr = np.random.default_rng(0).integers(0, 256, (side // scale, side // scale, 3), dtype=np.uint8)
    noise = np.zeros((side, side), np.float32)
    before, _ = restored(net, lr, noise)
    at = side // 2 // scale
    lr[at, at] ^= 255
    after, _ = restored(net, lr, noise)
    rows, columns = np.nonzero((before != after).any(2))
    assert rows.size
    reach = max(at * scale - rows.min(), rows.max() - at * scale - scale + 1)
    reach = max(reach, at * scale - columns.min(), columns.max() - at * scale - scale + 1)
    assert reach <= net.halo


@pytest.mark.parametrize("scale", [4, 16])
@pytest.mark.slow
def test_blocks_and_regions_equal_the_whole_to_the_last_bit(
    tiny_package: Path, photo: Callable[[int, int], np.ndarray], scale: int
) -> None:
    net, engine = network(tiny_package, scale), codec.Engine(model=str(tiny_package), engine="torch")
    data = codec.encode(photo(1100, 900), scale=scale, model=str(tiny_package), effort="fast")

    def run(area: Box, side: int, whole_pixels: int) -> tuple[np.ndarray, np.ndarray]:
        out, t = np.zeros((900, 1100, 3), np.uint8), np.zeros((15, 18), np.float32)
        for piece in pieces(net, data, area, side=side, whole_pixels=whole_pixels):
            box, tiles = piece.box, piece.timesteps
            crop(out, box)[:] = piece.pixels
            t[box.y // 64 :, box.x // 64 :][: tiles.shape[0], : tiles.shape[1]] = tiles
        return out, t

    everything = Box(0, 0, 1100, 900)
    whole, t_whole = run(everything, 64, 2**30)
    assert whole.any(2).mean() > 0.9
    parts, t_parts = run(everything, 448, 0)
    assert np.array_equal(parts, whole)
    assert np.array_equal(t_parts, t_whole)
    for area in (Box(0, 0, 1, 1), Box(500, 333, 130, 65), Box(1000, 850, 100, 50)):
        part, _ = run(area, 192, 0)
        assert np.array_equal(crop(part, area), crop(whole, area))
        got = codec.decode(data, engine=engine, region=(area.x, area.y, area.width, area.height))
        assert np.array_equal(np.asarray(got), crop(whole, area))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")]
)
@pytest.mark.slow
def test_too_little_memory_means_smaller_pieces_then_an_error(
    tiny_package: Path, photo: Callable[[int, int], np.ndarray], monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    net, everything = network(tiny_package, 4), Box(0, 0, 700, 1400)
    data = codec.encode(photo(700, 1400), model=str(tiny_package), effort="fast")
    (usual,) = pieces(net, data, everything)
    most, seen, denoise = 0, [], CompactModel.denoise

    def scarce(self: CompactModel, z: torch.Tensor, *args: Any) -> torch.Tensor:
        seen.append(z.shape[2] * z.shape[3])
        if seen[-1] > most:
            raise error
        return denoise(self, z, *args)

    monkeypatch.setattr(CompactModel, "denoise", scarce)
    most = 700 * 1000 // 16
    (got,) = pieces(net, data, everything)
    assert max(seen) > most >= seen[-1]
    failed = [cells for cells in seen if cells > most]
    assert failed == sorted(set(failed), reverse=True)  # what did not fit once is not tried again
    assert np.array_equal(got.pixels, usual.pixels)
    assert np.array_equal(got.timesteps, usual.timesteps)
    most = 0
    with pytest.raises(codec.DeviceMemoryError, match="device cpu: too little memory for a piece of"):
        pieces(net, data, everything)


@pytest.mark.parametrize("scale", [4, 16])
@pytest.mark.parametrize("realism", [0.0, 1.0])
@pytest.mark.parametrize(
    ("device", "least"),
    [
        pytest.param("cpu", 50, marks=pytest.mark.long),
        pytest.param(
            "cuda", 40,
            marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")],
        ),
    ],
)  # fmt: skip
def test_half_precision_is_near_the_reference(scale: int, realism: float, device: str, least: float) -> None:
    """The shipped model in bf16 against fp32 on the CPU, from the same bytes, PSNR in dB."""
    data = codec.encode(KODIM, scale=scale)
    reference, half = (
        np.asarray(codec.decode(data, realism=realism, device=where, dtype=dtype)).astype(float)
        for where, dtype in (("cpu", "fp32"), (device, "bf16"))
    )
    assert 10 * np.log10(255**2 / np.mean((half - reference) ** 2)) >= least


def test_realism_zero_uses_no_noise(tiny_package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    net, lr = network(tiny_package, 4), photo(32, 32)
    noise = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    quiet, _ = restored(net, lr, noise, realism=0)
    silent, _ = restored(net, lr, 0 * noise, realism=0)
    loud, _ = restored(net, lr, noise)
    assert np.array_equal(quiet, silent)
    assert not np.array_equal(quiet, loud)


def test_timesteps_given_win_over_prediction(tiny_package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    net, lr = network(tiny_package, 4), photo(32, 32)
    noise = np.ones((128, 128), np.float32)
    t = np.array([[10, 200], [50, 0]], np.float32)
    pixels, used = restored(net, lr, noise, t)
    assert np.array_equal(used, t)
    predicted, _ = restored(net, lr, noise)
    assert not np.array_equal(pixels, predicted)


def test_predicted_timesteps_are_in_range(tiny_package: Path, photo: Callable[[int, int], np.ndarray]) -> None:
    _, t = restored(network(tiny_package, 8), photo(64, 64), np.zeros((512, 512), np.float32))
    assert t.shape == (8, 8)
    assert 10 <= t.min() <= t.max() <= 200


def test_schedule_ends() -> None:
    assert scheduler.noise_gain(torch.tensor(0.0)) == 0
    assert float(scheduler.noise_gain(torch.tensor(200.0))) == pytest.approx(0.569, abs=1e-3)
    t = torch.linspace(0, 1000, 2001)
    assert (scheduler.alpha_bar(t).diff() < 0).all()

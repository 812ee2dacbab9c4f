"""The networks as graphs: what ONNX Runtime and OpenVINO make of them, against torch and against themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.arrays import PixelArray, crop, no_progress
from codec.geometry import Box, Size
from codec.lr import PictureLr
from codec.models.compact.decoding import CompactRestorer, Network
from codec.models.compact.drawing import SLOPE
from codec.models.compact.graph_networks import GraphWriter, load_network
from codec.models.compact.torch_networks import FirstNetwork, SecondNetwork, TorchWriter
from codec.models.compact.torch_networks import load_network as load_torch
from codec.models.compact.v2.config import SCALES
from codec.models.family import Recipe, Runtime
from codec.models.graph import sessions
from codec.models.package import open_package
from codec.models.store import shipped
from codec.optional import has
from codec.options import DecodeOptions

ROOT = Path(__file__).resolve().parents[4]
SHIPPED = [(package.folder, scale) for package in shipped() for scale in package.scales]
ENGINES = ["onnx", pytest.param("openvino", marks=pytest.mark.skipif(not has("openvino"), reason="needs openvino"))]
#: Grey levels that two engines may differ by before rounding.
TOLERANCE = 0.01


@pytest.fixture(scope="module")
def hr() -> PixelArray:
    """Part of a photograph, 128 x 192."""
    with Image.open(ROOT / "examples/kodim21.png") as image:
        return np.asarray(image.convert("RGB").crop((300, 180, 492, 308)))


def small(hr: PixelArray, scale: int) -> PixelArray:
    size = hr.shape[1] // scale, hr.shape[0] // scale
    return np.asarray(Image.fromarray(hr).resize(size, Image.Resampling.BICUBIC))


def exact(net: Network, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """`restore` of a torch network, before rounding, in grey levels clamped to 0..255."""
    monkeypatch.setattr("codec.models.compact.torch_networks.to_uint8", lambda x: (x.clamp(-1, 1) + 1) * 127.5)
    return net.restore


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("folder", "scale"), SHIPPED, ids=[f"{f.name}-{s}" for f, s in SHIPPED])
def test_the_shipped_model_agrees_with_torch_at_both_ends_of_the_dial(
    folder: Path, scale: int, engine: str, hr: PixelArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    _agree(folder, scale, engine, small(hr, scale), monkeypatch)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scale", SCALES)
def test_compact_2_agrees_with_torch_at_both_ends_of_the_dial(
    tiny_second: Path, scale: int, engine: str, hr: PixelArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    _agree(tiny_second, scale, engine, small(hr, scale), monkeypatch)


def _agree(folder: Path, scale: int, engine: str, lr: PixelArray, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).standard_normal((lr.shape[0] * scale, lr.shape[1] * scale)).astype(np.float32)
    want = exact(load_torch(folder, scale, Runtime(device="cpu", dtype="fp32")), monkeypatch)
    net = load_network(folder, scale, engine, "fp32")
    given = np.full((lr.shape[0] * scale // 64, lr.shape[1] * scale // 64), 70, np.float32)
    seen = []
    for realism, denoise, t in ((0.0, True, None), (1.0, True, None), (1.0, False, None), (0.6, True, given)):
        reference, timesteps = want(lr, 40, noise, t, realism=realism, denoise=denoise)
        got, own = net.restore(lr, 40, noise, t, realism=realism, denoise=denoise)
        assert got.dtype == np.uint8
        assert got.shape == reference.shape
        # rounding moves a value by half a level at most: what is beyond that is the engine's
        assert np.abs(reference - got).max() <= 0.5 + TOLERANCE
        assert np.abs(timesteps - own).max() <= 0.01
        seen.append(got)
    package = open_package(folder)
    assert np.any(seen[0] != seen[1]) == package.family.generates(package.config, scale, DecodeOptions(realism=1))


@pytest.mark.skipif(not has("openvino"), reason="needs openvino")
@pytest.mark.parametrize("realism", [0.0, 1.0])
def test_openvino_in_half_precision_is_near(realism: float, hr: PixelArray) -> None:
    """As `docs/engines.md` states it, with room for other processors: levels of difference in 8-bit samples."""
    folder, scale = SHIPPED[0]
    lr, noise = small(hr, scale), np.random.default_rng(1).standard_normal(hr.shape[:2]).astype(np.float32)
    full, half = (
        load_network(folder, scale, engine, dtype).restore(lr, 40, noise, None, realism=realism, denoise=True)[0]
        for engine, dtype in (("onnx", "fp32"), ("openvino", "bf16"))
    )
    difference = np.abs(full.astype(int) - half)
    assert difference.mean() <= 0.3
    assert difference.max() <= 6


@pytest.mark.parametrize(("folder", "scale"), SHIPPED, ids=[f"{f.name}-{s}" for f, s in SHIPPED])
def test_the_shipped_writer_agrees_with_torch(folder: Path, scale: int, hr: PixelArray) -> None:
    want, got = (w.residual(hr, 48) for w in (TorchWriter.load(folder, scale), GraphWriter(folder, scale, "onnx")))
    assert np.abs(want).max() > 0.5
    assert np.abs(want - got).max() <= TOLERANCE


@pytest.mark.parametrize("scale", SCALES)
def test_a_writer_of_compact_2_agrees_with_torch_and_its_pieces_equal_the_whole(
    tiny_second: Path, scale: int, photo: Callable[[int, int], np.ndarray]
) -> None:
    writer, pixels = GraphWriter(tiny_second, scale, "onnx"), photo(448, 320)
    whole, halo = writer.residual(pixels, 50), writer.halo
    assert np.abs(TorchWriter.load(tiny_second, scale).residual(pixels, 50) - whole).max() <= TOLERANCE
    left, top = min(128, halo), min(64, halo)
    part = writer.residual(pixels[64 - top :, 128 - left :], 50)
    assert np.array_equal(part[top // scale :, left // scale :], whole[64 // scale :, 128 // scale :])


@pytest.fixture(params=["compact-1", "compact-2"])
def tiny(request: pytest.FixtureRequest, tiny_package: Path, tiny_second: Path) -> Path:
    return {"compact-1": tiny_package, "compact-2": tiny_second}[request.param]


@pytest.mark.parametrize("scale", [4, 8, 16, 32])
def test_pieces_and_threads_equal_the_whole_to_the_last_bit(
    tiny: Path, scale: int, photo: Callable[[int, int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    _one_result(tiny, scale, photo(700 // scale, 520 // scale), monkeypatch)


@pytest.mark.parametrize("scale", [1, 2])
def test_so_they_do_at_fine_scales(
    tiny_second: Path, scale: int, photo: Callable[[int, int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    _one_result(tiny_second, scale, photo(700 // scale, 520 // scale), monkeypatch)


@pytest.mark.parametrize(("folder", "scale"), SHIPPED, ids=[f"{f.name}-{s}" for f, s in SHIPPED])
@pytest.mark.slow
def test_so_they_do_with_the_shipped_widths(folder: Path, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(ROOT / "examples/kodim21.png") as image:
        lr = np.asarray(image.convert("RGB").resize((704 // scale, 512 // scale), Image.Resampling.BICUBIC))
    _one_result(folder, scale, lr, monkeypatch, regions=1)


def _one_result(folder: Path, scale: int, lr: PixelArray, monkeypatch: pytest.MonkeyPatch, *, regions: int = 2) -> None:
    """Whole on one thread; regions, which are blocks with what influences them, on one and on two."""
    size = Size(lr.shape[1] * scale, lr.shape[0] * scale)
    recipe = Recipe(size=size, quality=60, options=DecodeOptions(realism=1.0))

    def run(threads: int, area: Box) -> PixelArray:
        monkeypatch.setattr(sessions, "threads", lambda: threads)
        restorer, out = CompactRestorer(load_network(folder, scale, "onnx", "fp32")), np.zeros_like(whole)
        for piece in restorer.pieces(PictureLr(lr), recipe, area, streamed=False, on_progress=no_progress):
            crop(out, piece.box)[:] = piece.pixels
        return crop(out, area)

    everything, whole = Box(0, 0, size.width, size.height), np.zeros((size.height, size.width, 3), np.uint8)
    whole = run(1, everything)
    assert whole.any(2).mean() > 0.9
    for area, threads in [(Box(320, 200, 90, 50), 2), (Box(size.width - 40, size.height - 20, 40, 20), 1)][:regions]:
        assert np.array_equal(run(threads, area), crop(whole, area))
    assert np.array_equal(run(2, Box(0, 0, 64, 64)), whole[:64, :64])


def test_the_slope_is_that_of_the_layers() -> None:
    from codec.models.compact import layers

    assert layers.SLOPE == SLOPE


def test_the_two_forms_have_one_halo(tiny: Path) -> None:
    for scale in (4, 32):
        other = load_torch(tiny, scale, Runtime(device="cpu"))
        assert isinstance(other, FirstNetwork | SecondNetwork)
        net = load_network(tiny, scale, "onnx", "fp32")
        assert (net.halo, net.takes_noise) == (other.halo, other.takes_noise)


def test_too_little_memory_means_smaller_pieces_then_an_error(
    tiny_package: Path, photo: Callable[[int, int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    lr, most, usual = photo(96, 400), 10**9, sessions.open_onnx
    recipe = Recipe(size=Size(384, 1600), quality=60, options=DecodeOptions(realism=1.0))

    def scarce(model: bytes, dtype: str) -> sessions.Run:
        run = usual(model, dtype)

        def limited(inputs: dict) -> np.ndarray:
            if any(x.shape[1] == 48 and x.shape[2] * x.shape[3] * 16 > most for x in inputs.values()):
                raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")
            return run(inputs)

        return limited

    monkeypatch.setattr(sessions, "open_onnx", scarce)

    def pieces() -> np.ndarray:
        restorer = CompactRestorer(load_network(tiny_package, 4, "onnx", "fp32"))
        area = Box(0, 0, 384, 1600)
        (piece,) = restorer.pieces(PictureLr(lr), recipe, area, streamed=False, on_progress=no_progress)
        return piece.pixels

    want = pieces()
    most = 384 * 1200
    assert np.array_equal(pieces(), want)
    most = 0
    with pytest.raises(codec.DeviceMemoryError, match="too little memory"):
        pieces()


@pytest.fixture
def broken(tiny_package: Path, tmp_path: Path) -> Callable[[str, dict], Path]:
    """A copy of the package with some tensors of a part in place of its own; None = left out."""
    from shutil import copytree

    from safetensors.numpy import load_file, save_file

    folder = Path(copytree(tiny_package, tmp_path / "broken"))

    def change(part: str, tensors: dict) -> Path:
        path = folder / f"{part}.safetensors"
        changed = load_file(path) | tensors
        save_file({k: v for k, v in changed.items() if v is not None}, path)
        return folder

    return change


@pytest.mark.parametrize(
    ("part", "tensors", "message"),
    [
        ("denoiser", {"conv_out.bias": None}, r"denoiser\.safetensors does not fit its config \(no tensor conv_out"),
        ("reader4", {"conv_in.bias": np.zeros(3, np.float16)}, r"conv_in.bias is \(3,\), expected \(8,\)"),
        ("predictor4", {"more": np.zeros(3, np.float16)}, "not known: more"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(
    broken: Callable[[str, dict], Path], part: str, tensors: dict, message: str
) -> None:
    with pytest.raises(codec.ModelError, match=message):
        load_network(broken(part, tensors), 4, "onnx", "fp32")


def test_graphs_are_valid_onnx(tiny: Path) -> None:
    """By the reference checker, shapes included; the runtimes are laxer."""
    onnx = pytest.importorskip("onnx")
    models: list[bytes] = []

    class Caught:
        def __init__(self, model: bytes, *_: object) -> None:
            models.append(model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("codec.models.compact.graph_networks.Session", Caught)
        for scale in (4, 32):
            load_network(tiny, scale, "onnx", "fp32")
    assert len(models) >= 4
    for model in models:
        onnx.checker.check_model(onnx.load_model_from_string(model), full_check=True)


def test_threads_are_those_that_openmp_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert sessions.threads() == 3
    for said in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert sessions.threads() >= 1

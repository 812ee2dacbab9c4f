"""Adapters: every codec that is here writes files that decode to the right size, smaller first."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from bench.codecs import vvc
from bench.codecs.base import Codec, CodecOptions, Expected
from bench.codecs.downscaled import downscale, upscale
from bench.codecs.registry import STANDARD_PEERS, available, make, standard
from bench.codecs.tadm import Variant
from bench.errors import BenchError, CodecError, MissingError
from bench.metrics.structure import psnr
from bench.photos import Photo

Pixels = npt.NDArray[np.uint8]
NONE = CodecOptions()


def made(spec: str, options: CodecOptions = NONE) -> Codec:
    try:
        return make(spec, options)
    except MissingError as exc:
        pytest.skip(str(exc))


@pytest.mark.parametrize("spec", ["jpeg", "jpeg/4", "webp", "webp/2", "avif/2", "jxl", "heic", "vvc", "png", "png/16"])
def test_peers(spec: str, photo: Callable[[int, int], Pixels]) -> None:
    codec = made(spec)
    assert codec.name == spec
    assert "None" not in codec.version()
    # odd sides: what a downscaled codec gives back must still have the original's size
    picture = Photo("p", photo(101, 75))
    low, high = codec.settings[len(codec.settings) // 10], codec.settings[-1 - len(codec.settings) // 4]
    small, large = codec.encode(picture, low), codec.encode(picture, high)
    assert len(small) <= len(large)
    decoded = codec.decode(large, Expected(name="p", width=101, height=75)).pixels
    assert decoded.shape == (75, 101, 3)
    assert decoded.dtype == np.uint8
    error = np.abs(decoded.astype(float) - picture.pixels).mean()
    assert error < (45 if "/16" in spec else 20)
    assert codec.encode(picture, low) == small
    with pytest.raises(CodecError, match="decode"):
        codec.decode(b"this is no picture", Expected(name="p", width=101, height=75))


def test_ours(photo: Callable[[int, int], Pixels], tiny_package: Path) -> None:
    options = CodecOptions(model=str(tiny_package), device="cpu")
    regression, full, bare = (make(f"tadm/4:{v}", options) for v in ("r0", "r1", "z"))
    assert regression.encode_key == full.encode_key == bare.encode_key == "tadm/4"
    picture, expected = Photo("p", photo(100, 75)), Expected(name="p", width=100, height=75)
    data = full.encode(picture, 40)
    assert data == regression.encode(picture, 40)
    assert len(data) < len(full.encode(picture, 80))
    pictures = [c.decode(data, expected) for c in (regression, full, bare)]
    assert all(p.pixels.shape == (75, 100, 3) for p in pictures)
    assert not np.array_equal(pictures[0].pixels, pictures[1].pixels)
    assert not np.array_equal(pictures[0].pixels, pictures[2].pixels)
    assert np.array(pictures[1].timesteps).shape == (2, 2)
    fixed = make("tadm/4:r1:t50", options).decode(data, expected)
    assert not np.array_equal(fixed.pixels, pictures[1].pixels)
    half = make("tadm/4:r1", replace(options, dtype="bf16"))
    assert not np.array_equal(half.decode(data, expected).pixels, pictures[1].pixels)
    assert half.version().endswith("bfloat16 on cpu")
    assert "float32 on cpu, onnxruntime " in full.version()
    assert make("tadm/16-png:r1", options).settings == (100,)
    assert "model" in full.version()
    with pytest.raises(CodecError, match=r"not a \.tadm file"):
        full.decode(b"\x89PNG\r\n\x1a\n", expected)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("tadm/4:r0", Variant(scale=4, realism=0.0)),
        ("tadm/16-png:r0.5", Variant(scale=16, payload="png", realism=0.5)),
        ("tadm/8:r1:t50", Variant(scale=8, timestep=50.0)),
        ("tadm/4:z", Variant(scale=4, realism=None)),
        ("tadm/4", Variant(scale=4, recommended=True)),
        ("tadm/auto", Variant(scale=None, recommended=True)),
        ("tadm/auto:r0", Variant(scale=None, realism=0.0)),
        ("tadm/", None),
        ("tadm/4:", None),
        ("tadm/4:r2", None),
        ("tadm/4:r1:t900", Variant(scale=4, timestep=900.0)),
        ("tadm/4:r1:t1000", None),
        ("tadm/4:z:t5", None),
        ("tadm/4:t5:r1", None),
        ("avif/4", None),
    ],
)
def test_names_of_ours(name: str, variant: Variant | None) -> None:
    assert Variant.parse(name) == variant
    if variant is not None:
        assert str(variant) == name


def test_a_timestep_alone_is_realism_one() -> None:
    assert Variant.parse("tadm/4:t500") == Variant.parse("tadm/4:r1:t500")


def test_unknown_and_missing_codecs(tiny_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in ("gif", "jpeg/1", "tadm/4:", "jpeg:r1", ""):
        with pytest.raises(BenchError, match="not known"):
            make(spec, NONE)
    with pytest.raises(MissingError, match="no model for scale 5"):
        make("tadm/5:r0", CodecOptions(model=str(tiny_package)))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    codecs, skipped = available(["jpeg", "jxl/2", "heic", "vvc"], NONE)
    assert list(codecs) == ["jpeg"]
    assert "pip install pillow-jxl-plugin" in skipped["jxl/2"]
    assert "pip install pillow-heif" in skipped["heic"]
    assert "vvencapp and vvdecapp not found" in skipped["vvc"]


def test_the_standard_set(tiny_package: Path) -> None:
    specs = standard(CodecOptions(model=str(tiny_package)))
    assert set(STANDARD_PEERS) < set(specs)
    assert {"avif/4", "tadm/4:r0", "tadm/4:r1", "tadm/32-png:r1"} < set(specs)
    quick = standard(CodecOptions(model=str(tiny_package)), quick=True)
    assert quick[-2:] == ["tadm/4:r0", "tadm/4:r1"]


def test_downscaling_rounds_sizes_up(photo: Callable[[int, int], Pixels]) -> None:
    assert downscale(photo(101, 75), 4).shape == (19, 26, 3)
    flat = np.full((75, 101, 3), 77, np.uint8)
    assert np.array_equal(upscale(downscale(flat, 4), 101, 75), flat)


def test_folder(tmp_path: Path, photo: Callable[[int, int], Pixels]) -> None:
    picture = photo(40, 30)
    for rate, size in (("1-low", 10), ("2-high", 30)):
        for kind in ("files", "decoded"):
            (tmp_path / rate / kind).mkdir(parents=True)
        (tmp_path / rate / "files" / "p.bin").write_bytes(os.urandom(size))
        Image.fromarray(picture + size).save(tmp_path / rate / "decoded" / "p.png")
    codec = make(f"folder:other={tmp_path}", NONE)
    assert (codec.name, codec.settings) == ("folder:other", (0, 1))
    data = codec.encode(Photo("p", picture), 1)
    assert len(data) == 30
    decoded = codec.decode(data, Expected(name="p", width=40, height=30)).pixels
    assert np.array_equal(decoded, picture + 30)
    before = codec.version()
    (tmp_path / "1-low" / "files" / "p.bin").write_bytes(bytes(11))
    assert codec.version() != before
    with pytest.raises(CodecError, match="expected one"):
        codec.encode(Photo("q", picture), 0)
    with pytest.raises(CodecError, match="has these bytes"):
        codec.decode(b"other", Expected(name="p", width=40, height=30))
    with pytest.raises(MissingError, match="no files/"):
        make(f"folder:none={tmp_path / 'nothing'}", NONE)


def test_yuv_there_and_back(photo: Callable[[int, int], Pixels]) -> None:
    import torch

    pixels = photo(51, 37)
    planes = vvc.to_yuv420(pixels)
    assert [p.shape for p in planes] == [(38, 52), (19, 26), (19, 26)]
    raw = b"".join(p.tobytes() for p in planes)
    eight = vvc.from_yuv420(raw, 51, 37)
    ten = vvc.from_yuv420((np.frombuffer(raw, np.uint8).astype("<u2") * 4).tobytes(), 51, 37)
    assert np.array_equal(eight, ten)
    assert psnr(torch.from_numpy(eight).float(), torch.from_numpy(pixels).float()) > 28
    with pytest.raises(CodecError, match="decoder wrote 5 bytes"):
        vvc.from_yuv420(b"12345", 51, 37)


FAKE_TOOL = """#!{python}
import sys, pathlib
a = sys.argv[1:]
if "--version" in a:
    print("{name}, version 0")
else:
    source = a[a.index("-i" if "-i" in a else "-b") + 1]
    pathlib.Path(a[a.index("-o") + 1]).write_bytes(pathlib.Path(source).read_bytes())
"""


def test_vvc_calls_its_tools(
    tmp_path: Path, photo: Callable[[int, int], Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vvencapp", "vvdecapp"):
        tool = tmp_path / name
        tool.write_text(FAKE_TOOL.format(python=sys.executable, name=name))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    codec = make("vvc", NONE)
    assert codec.version() == "vvencapp vvencapp, version 0"
    pixels = photo(51, 37)
    data = codec.encode(Photo("p", pixels), 30)
    assert len(data) == 38 * 52 * 3 // 2
    assert codec.decode(data, Expected(name="p", width=51, height=37)).pixels.shape == (37, 51, 3)
    with pytest.raises(CodecError, match="decoder wrote 7 bytes"):
        codec.decode(b"1234567", Expected(name="p", width=51, height=37))

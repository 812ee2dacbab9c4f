"""Every public option has its effect, through the functions and through the command line: disconnect one, and a test
here turns red.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main
from codec.container.reader import read
from codec.container.writer import write
from tests.pictures import with_maker

Decode = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def picture(photo: Callable[[int, int], np.ndarray]) -> Image.Image:
    """With alpha, EXIF and XMP."""
    image = Image.fromarray(photo(104, 72))
    alpha = np.add.outer(np.arange(72), np.arange(104)) / 2 + np.random.default_rng(0).normal(60, 9, (72, 104))
    image.putalpha(Image.fromarray(alpha.clip(0, 255).astype(np.uint8)))
    image.info |= {"exif": with_maker(), "xmp": b"<x:xmpmeta/>"}
    return image


@pytest.fixture(scope="module")
def photo_path(picture: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "a.tif"
    exif = Image.Exif()
    exif.load(picture.info["exif"])
    exif[700] = picture.info["xmp"]
    picture.save(path, exif=exif)
    return path


@pytest.fixture(scope="module")
def coded(picture: Image.Image, tiny_package: Path) -> bytes:
    return codec.encode(picture, model=str(tiny_package))


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == code, done.output
    return done.stderr


#: What would else be chosen by looking at the picture.
FIXED: dict[str, Any] = {"scale": 4, "quality": 48}
ENCODE: list[dict[str, Any]] = [
    {"scale": 8}, {"scale": 16}, {"payload": "png"}, {"payload": "webp"}, {"quality": 20}, {"max_bytes": 7500},
    FIXED | {"effort": "fast"}, FIXED | {"effort": "best"}, FIXED | {"chroma": "444"}, FIXED | {"strip": "gps"},
    FIXED | {"strip": "all"}, FIXED | {"alpha_quality": 30},
]  # fmt: skip


@pytest.mark.parametrize("named", ENCODE, ids=lambda named: " ".join(f"{k}={v}" for k, v in named.items()))
def test_encode(
    named: dict, photo_path: Path, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changes as it should, and the command line writes the same one."""
    if "max_bytes" in named:
        monkeypatch.setattr("codec.encoding.encoder.curves", small_table)
    model = str(tiny_package)
    usual = codec.encode(photo_path, model=model, **FIXED)
    got = codec.encode(photo_path, model=model, **named)
    assert got != usual
    assert got == codec.encode(photo_path, model=model, options=codec.EncodeOptions(**named))
    words = [w for k, v in named.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    run("encode", str(photo_path), str(tmp_path / "a.tadm"), "--model", model, *words)
    assert (tmp_path / "a.tadm").read_bytes() == got
    before, after = read(usual), read(got)
    info, plain = codec.read_info(got), codec.read_info(usual)
    assert info.bytes <= named.get("max_bytes", 10**9)
    for name in ("scale", "payload", "quality"):
        assert getattr(info, name) == (named[name] if name in named else getattr(info, name))
    if "effort" in named or "chroma" in named:
        assert after.header == before.header
        assert after.payloads != before.payloads
        assert after.alpha is not None
    assert (info.exif, info.xmp) == {"gps": (True, False), "all": (False, False)}.get(
        named.get("strip", ""), (plain.exif, plain.xmp)
    )
    if "alpha_quality" in named:
        assert after.alpha is not None
        assert before.alpha is not None
        assert sum(map(len, after.alpha.parts)) < sum(map(len, before.alpha.parts)) / 2


def small_table(_: str) -> tuple:
    from codec.encoding.table import Curve

    return (Curve(4, "av1", (0, 50, 99), (0.05, 0.3, 2.0), (0.6, 0.9, 0.95)),)


def test_bpp(photo_path: Path, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.encoding.encoder.curves", small_table)
    got = codec.encode(photo_path, model=str(tiny_package), alpha_quality=20, bpp=0.4)
    assert 0.2 < codec.read_info(got).bpp <= 0.4
    words = ["--bpp", "0.4", "--alpha-quality", "20", "--json", "--model", str(tiny_package)]
    said = run("encode", str(photo_path), str(tmp_path / "a.tadm"), *words)
    assert (tmp_path / "a.tadm").read_bytes() == got
    report = json.loads(said)
    again = {k: v for k, v in report["options"].items() if v is not None}
    assert codec.encode(photo_path, model=str(tiny_package), **again) == got
    assert report["bytes"] == len(got)


def test_effort_and_chroma_move_the_rate_as_they_should(photo_path: Path, tiny_package: Path) -> None:
    def bytes_of(**named: str) -> int:
        data = codec.encode(photo_path, model=str(tiny_package), quality=60, **named)  # type: ignore[arg-type]
        return codec.read_info(data).payload_bytes

    assert bytes_of(effort="best") <= bytes_of(effort="default") < bytes_of(effort="fast")
    assert bytes_of(chroma="420") == bytes_of(chroma="auto") < bytes_of(chroma="444")


def test_profile(photo_path: Path, tmp_path: Path) -> None:
    run("encode", str(photo_path), str(tmp_path / "a.tadm"), "--profile", "tadm")
    info = codec.read_info(tmp_path / "a.tadm")
    assert (info.scale, info.payload) == (16, "png")


DECODE = [
    ({"realism": 0.0}, ["--realism", "0"]), ({"realism": 0.5}, ["--realism", "0.5"]), ({"seed": 3}, ["--seed", "3"]),
    ({"denoise": False}, ["--no-denoise"]), ({"fixed_timestep": 30.0}, ["--timestep", "30"]),
    ({"dtype": "bf16"}, ["--dtype", "bf16"]), ({"region": (20, 10, 64, 40)}, ["--region", "20,10,64,40"]),
]  # fmt: skip


@pytest.mark.parametrize(("named", "words"), DECODE, ids=lambda v: str(v) if isinstance(v, dict) else "")
def test_decode(named: dict, words: list[str], coded: bytes, tiny_package: Path, tmp_path: Path) -> None:
    model = str(tiny_package)
    usual, got = (np.asarray(codec.decode(coded, model=model, **more)) for more in ({}, named))
    if "region" in named:
        assert np.array_equal(got, usual[10:50, 20:84])
    else:
        assert np.any(got[..., :3] != usual[..., :3])
    picture = {k: v for k, v in named.items() if k in {"realism", "seed", "denoise", "fixed_timestep"}}
    rest = {k: v for k, v in named.items() if k not in picture}
    by_object = codec.decode(coded, model=model, options=codec.DecodeOptions(**picture), **rest)
    assert np.array_equal(np.asarray(by_object), got)
    (tmp_path / "a.tadm").write_bytes(coded)
    run("decode", str(tmp_path / "a.tadm"), str(tmp_path / "a.png"), "--model", model, *words)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), got)


def test_a_fixed_timestep_wins_over_the_files_map_and_the_map_over_prediction(
    coded: bytes, tiny_package: Path, tmp_path: Path
) -> None:
    model, file = str(tiny_package), read(coded)
    levels = bytes(range(0, 240, 60))
    mapped = write(replace(file, timesteps=levels))
    stored = codec.decode(mapped, model=model)
    want = 10 + 190 * np.frombuffer(levels, np.uint8).reshape(2, 2).astype(float) / 255
    assert np.allclose(stored.info["timesteps"], want)
    assert stored != codec.decode(coded, model=model)
    fixed = codec.decode(mapped, model=model, fixed_timestep=80)
    assert fixed == codec.decode(coded, model=model, fixed_timestep=80) != stored
    (tmp_path / "a.tadm").write_bytes(mapped)
    out = [str(tmp_path / name) for name in ("a.tadm", "a.png")]
    run("decode", *out, "--model", model, "--t-map", str(tmp_path / "t.png"))
    with Image.open(tmp_path / "t.png") as t_map:
        assert np.asarray(t_map).tobytes() == levels


def test_realism_is_a_dial_and_none_is_what_the_model_recommends(coded: bytes, tiny_package: Path) -> None:
    low, half, high, usual = (
        np.asarray(codec.decode(coded, model=str(tiny_package), realism=r)).astype(int) for r in (0, 0.5, 1, None)
    )
    assert 0 < np.abs(half - low).mean() < np.abs(high - low).mean()
    assert np.array_equal(usual, high)


def test_any_model(coded: bytes, tiny_package: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tadm"
    path.write_bytes(coded)
    with pytest.raises(codec.ModelError, match="written for model"):
        codec.decode(coded)
    run("decode", str(path), str(tmp_path / "a.png"), code=codec.ModelError.exit_code)
    assert codec.decode(coded, any_model=True).size == (104, 72)
    run("decode", str(path), str(tmp_path / "a.png"), "--any-model")
    run("verify", str(path), "--any-model")
    run("verify", str(path), code=codec.ModelError.exit_code)


def test_limits_and_progress(coded: bytes, tiny_package: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    codec.decode(coded, model=str(tiny_package), on_progress=lambda *at: seen.append(at))
    assert seen == [(1, 1)]
    verbs: list[Any] = [codec.decode, codec.open, codec.read_info, codec.thumbnail]
    for verb in verbs:
        with pytest.raises(codec.LimitError, match="over the limit of 100"):
            verb(coded, limits=codec.DecodeLimits(pixels=100))
    (tmp_path / "a.tadm").write_bytes(coded)
    for words in (["info"], ["verify"], ["thumbnail", "-o", str(tmp_path / "t.png")]):
        run(*words, str(tmp_path / "a.tadm"), "--max-pixels", "100", code=codec.LimitError.exit_code)


def test_memory(photo: Callable[[int, int], np.ndarray], tiny_package: Path) -> None:
    """Less of it means more pieces and the same pixels."""
    model, seen = str(tiny_package), list[tuple[int, int]]()
    data = codec.encode(photo(640, 450), model=model, effort="fast", **FIXED)
    whole = codec.decode(data, model=model, realism=0)
    pieces = codec.decode(data, model=model, realism=0, max_vram=0.1, on_progress=lambda *at: seen.append(at))
    assert seen == [(done, len(seen)) for done in range(1, len(seen) + 1)]
    assert len(seen) > 1
    assert np.array_equal(np.asarray(pieces), np.asarray(whole))


def test_a_word_of_warning_about_pictures_that_readers_refuse(
    tiny_package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from codec.encoding import encoder

    monkeypatch.setattr(encoder, "DecodeLimits", lambda: codec.DecodeLimits(pixels=4096))
    Image.fromarray(np.zeros((65, 65, 3), np.uint8)).save(tmp_path / "a.png")
    said = run("encode", str(tmp_path / "a.png"), str(tmp_path / "a.tadm"), "--model", str(tiny_package))
    assert "larger than readers accept by default" in said


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,x", "1_0,2,3,4", "\u0661,2,3,4", "1,2,3,4,5", ""])
def test_regions_are_plain_digits(text: str, coded: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tadm").write_bytes(coded)
    run("decode", str(tmp_path / "a.tadm"), str(tmp_path / "a.png"), "--region", text, code=2)


def test_help_is_laid_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    assert "\b" not in text
    assert "\\b" not in text
    assert "\n  Exit codes: 0 ok, 1 bug" in text

"""Speed: the fit, the pictures it is measured on, and one small measurement in processes of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bench import records
from bench.codecs.base import CodecOptions
from bench.codecs.registry import make
from bench.environment import python_command
from bench.errors import CodecError
from bench.figures import tables
from bench.figures.style import save
from bench.photos import Photo
from bench.speed import commands as whole
from bench.speed import measure
from bench.speed.growth import fit_growth, power_law
from bench.speed.measure import SpeedPlan, setting_for, square, time_all
from bench.speed.plot import draw_speed
from bench.speed.probe import peak_bytes, resident_bytes

Pixels = npt.NDArray[np.uint8]


def test_power_law_of_known_growth() -> None:
    pixels = [1e5, 1e6, 4e6]
    exponent, at = power_law(pixels, [3 * (p / 1e6) ** 1.25 for p in pixels])
    assert exponent == pytest.approx(1.25)
    assert at == pytest.approx(3)


def test_growth_leaves_out_what_was_there_before() -> None:
    def timing(seconds: float, peak: int) -> dict[str, float]:
        return {"warm_seconds": seconds, "peak_bytes": peak, "baseline_bytes": 1000}

    rows = [
        {"codec": "x", "pixels": p, "encode": timing(2 * p / 1e6, 1000 + p), "decode": timing(1.0, 1000)}
        for p in (10_000, 40_000, 160_000)
    ]
    found = {g["what"]: g for g in fit_growth(rows)}
    assert found["encode_seconds"]["exponent"] == 1
    assert found["encode_seconds"]["at_megapixel"] == 2
    assert found["encode_memory"]["exponent"] == 1
    assert found["decode_seconds"]["exponent"] == pytest.approx(0, abs=1e-9)
    assert "decode_memory" not in found  # it took none
    assert fit_growth(rows[:1]) == []


def test_squares_are_cut_or_mirrored(photo: Callable[[int, int], Pixels]) -> None:
    pixels = photo(40, 30)
    assert np.array_equal(square(pixels, 20), pixels[5:25, 10:30])
    large = square(pixels, 100)
    assert large.shape == (100, 100, 3)
    assert np.array_equal(large[:30, :40], pixels)
    assert np.array_equal(large[30:60, :40], pixels[::-1])
    assert np.array_equal(large[:30, 40:80], pixels[:, ::-1])


def test_memory_of_this_process() -> None:
    assert 10_000_000 < resident_bytes() <= peak_bytes()


def test_the_setting_is_the_nearest_below(photo: Callable[[int, int], Pixels]) -> None:
    codec = make("jpeg/4", CodecOptions())
    picture = Photo("p", photo(512, 512))
    setting = setting_for(codec, picture)
    assert (
        picture.bpp(len(codec.encode(picture, setting))) <= 0.1 < picture.bpp(len(codec.encode(picture, setting + 3)))
    )
    assert setting_for(make("png", CodecOptions()), Photo("p", photo(64, 64))) == 100


@pytest.mark.slow
def test_a_small_measurement(photo: Callable[[int, int], Pixels], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    plan = SpeedPlan(specs=("jpeg",), sides=(96, 6000), repeats=2, limit_seconds=1e-6)
    record = time_all(plan, Photo("p", photo(96, 80)), {}, lambda *what: told.append(what))
    records.validate(record)
    assert told[-1] == (2, 2, "jpeg 6000")
    assert record["settings"]["dtype"] == "auto"
    assert not record["settings"]["compile"]
    assert [row["side"] for row in record["rows"]] == [96]
    (left,) = record["left_out"]
    assert left["side"] == 6000
    assert left["reason"].startswith("would take about")
    for row in record["rows"]:
        for what in ("encode", "decode"):
            assert row[what]["cold_seconds"] > row[what]["warm_seconds"] > 0
            assert row[what]["peak_bytes"] >= row[what]["baseline_bytes"] > 1_000_000
            assert row[what]["gpu_bytes"] is None
    record["commands"] = [{"command": "x", "min_seconds": 0.1, "median_seconds": 0.2, "median_ratio": 0.5}]
    records.validate(record)
    assert [p.name for p in save(draw_speed(record), tmp_path, "speed")] == ["speed.svg", "speed.png"]
    header, rows = tables.speed(record)
    assert rows[0][header.index("side")] == "96"


def test_ours_is_timed_with_every_engine_asked_for(
    photo: Callable[[int, int], Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others once; each engine in a row of its own, under its name."""
    asked: list[tuple[str, str]] = []

    def timed(plan: SpeedPlan, spec: str, options: CodecOptions, setting: int, picture: Path) -> dict:
        asked.append((spec, options.engine))
        timing: dict[str, float | None] = dict.fromkeys(("cold_seconds", "warm_seconds", "megapixels_per_second"), 1.0)
        timing |= {"peak_bytes": 2, "baseline_bytes": 1, "gpu_bytes": None}
        return {"side": 64, "pixels": 4096, "setting": setting, "bytes": 9, "encode": timing, "decode": timing}

    monkeypatch.setattr(measure, "_time_one", timed)
    monkeypatch.setattr(measure, "setting_for", lambda codec, photo: codec.settings[0])
    plan = SpeedPlan(specs=("jpeg", "tadm/4:r0"), engines=("onnx", "torch"), sides=(64,))
    record = time_all(plan, Photo("p", photo(64, 64)), {})
    records.validate(record)
    assert asked == [("jpeg", "auto"), ("tadm/4:r0", "onnx"), ("tadm/4:r0", "torch")]
    assert [row["codec"] for row in record["rows"]] == ["jpeg", "tadm/4:r0 on onnx", "tadm/4:r0 on torch"]
    versions = [record["codecs"][name]["version"] for name in ("tadm/4:r0 on onnx", "tadm/4:r0 on torch")]
    assert "onnxruntime" in versions[0]
    assert "onnxruntime" not in versions[1]


def test_whole_commands_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def seconds(command: list[str], threads: int) -> float:
        order.append(command[-1] if "import torch" in command else command[3])
        return float(len(order))

    monkeypatch.setattr(whole, "_seconds", seconds)
    rows = whole.time_commands(("onnx",), 2, 1)
    names = ["import torch", "decode", "encode", "thumbnail", "info", "--help"]
    assert order == names * 2
    assert rows[0] == {"command": "import torch", "min_seconds": 1.0, "median_seconds": 4.0, "median_ratio": 1.0}
    assert rows[1]["command"] == "decode, onnx"
    assert rows[1]["median_ratio"] == round((2 / 1 + 8 / 7) / 2, 4)


@pytest.mark.long
def test_every_command_runs() -> None:
    rows = whole.time_commands(("onnx",), 1, 1)
    assert all(row["min_seconds"] == row["median_seconds"] > 0 for row in rows)


def test_a_command_that_fails_is_said() -> None:
    with pytest.raises(CodecError, match="ended with 2"):
        whole._seconds(python_command("codec", "nonsense"), 1)

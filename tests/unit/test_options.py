from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from codec import DecodeLimits, DecodeOptions, EncodeOptions, EngineOptions, InputError
from codec.models.compact.family import COMPACT
from codec.models.sd21.family import SD21


@pytest.mark.parametrize(
    "options",
    [
        EncodeOptions(scale=16, payload="png"),
        DecodeOptions(realism=0.25, seed=7, fixed_timestep=50.0),
        EngineOptions(device="cpu", max_vram=2, any_model=True, engine="onnx"),
        DecodeLimits(pixels=0),
    ],
)
def test_json_round_trip(options: EncodeOptions | DecodeOptions | EngineOptions | DecodeLimits) -> None:
    assert type(options).from_json(options.to_json()) == options


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (EncodeOptions, {"scale": 0}, "scale is 0, expected a number in 1..255"),
        (EncodeOptions, {"quality": 100}, "quality is 100, expected a number in 0..99"),
        (EncodeOptions, {"quality": True}, "quality is True"),
        (EncodeOptions, {"colour": 1}, "unknown option 'colour'"),
        (EncodeOptions, {"payload": "gif"}, "payload is 'gif'"),
        (DecodeOptions, {"realism": 1.5}, "realism is 1.5, expected a number in 0..1"),
        (DecodeOptions, {"realism": float("nan")}, "realism is nan"),
        (DecodeOptions, {"seed": 2**32}, "seed is 4294967296"),
        (DecodeOptions, {"fixed_timestep": -1}, "fixed_timestep is -1"),
        (DecodeOptions, {"fixed_timestep": 1000}, "fixed_timestep is 1000, expected a number in 0..999"),
        (DecodeOptions, {"realism": "1"}, "realism is '1', expected a number"),
        (DecodeOptions, {"denoise": 1}, "denoise is 1, expected True or False"),
        (EngineOptions, {"max_vram": 0}, "max_vram is 0"),
        (EngineOptions, {"model": 3}, "model is 3, expected a name or a folder"),
        (EngineOptions, {"engine": "caffe"}, "engine is 'caffe', expected one of auto, onnx, openvino, torch"),
        (EngineOptions, {"dtype": "fp8"}, "dtype is 'fp8'"),
        (DecodeLimits, {"pixels": -1}, "pixels is -1"),
    ],
)
def test_values_out_of_range_say_what_was_expected(kind: Any, values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind.from_dict(values)


def test_targets_exclude_each_other_and_quality() -> None:
    for values in ({"bpp": 0.1, "quality": 3}, {"bpp": 0.1, "max_bytes": 100}, {"max_bytes": 9, "quality": 3}):
        with pytest.raises(InputError, match="exclude each other"):
            EncodeOptions(**values)
    with pytest.raises(InputError, match="no meaning for the lossless"):
        EncodeOptions(payload="png", quality=3)
    assert EncodeOptions(bpp=0.1).has_target
    assert not EncodeOptions(quality=3).has_target


def test_numbers_of_any_kind_are_taken() -> None:
    numpy = DecodeOptions.from_dict({"realism": np.float32(0.5), "seed": np.int64(3), "denoise": np.bool_(False)})
    assert numpy == DecodeOptions(realism=0.5, seed=3, denoise=False)
    assert EncodeOptions.from_dict({"bpp": np.float16(0.5), "scale": np.uint8(8)}) == EncodeOptions(bpp=0.5, scale=8)
    assert DecodeOptions.from_dict({"realism": Fraction(1, 4)}).realism == 0.25


def test_a_family_fills_in_what_is_open() -> None:
    config = {"scales": [4, 8]}
    assert COMPACT.settle(config, EncodeOptions()) == EncodeOptions(scale=4, payload="av1", quality=48)
    assert COMPACT.settle(config, EncodeOptions(payload="png")) == EncodeOptions(scale=4, payload="png")
    assert COMPACT.settle({"scales": [16]}, EncodeOptions()).scale == 16
    assert SD21.settle({"scales": [16]}, EncodeOptions()) == EncodeOptions(scale=16, payload="png")
    assert SD21.settle({"scales": [16]}, EncodeOptions(quality=60)) == EncodeOptions(
        scale=16, payload="av1", quality=60
    )


def test_profile_tadm_is_the_papers_form() -> None:
    options = EncodeOptions.profile("tadm")
    assert (options.scale, options.payload) == (16, "png")
    with pytest.raises(InputError, match="profile is 'best'"):
        EncodeOptions.profile("best")


def test_broken_json_is_an_input_error() -> None:
    for text in ("[1", "3", '{"scale": 4, "x": 1}'):
        with pytest.raises(InputError):
            EncodeOptions.from_json(text)

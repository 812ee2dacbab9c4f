import pytest

from codec import DecodeLimits, DecodeOptions, EncodeOptions, InputError


@pytest.mark.parametrize(
    "options",
    [
        EncodeOptions(scale=16, payload="png"),
        DecodeOptions(realism=0.25, seed=7, fixed_timestep=50.0),
        DecodeLimits(pixels=0),
    ],
)
def test_json_round_trip(options: EncodeOptions | DecodeOptions | DecodeLimits) -> None:
    assert type(options).from_json(options.to_json()) == options


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (EncodeOptions, {"scale": 5}, "scale is 5, expected one of 4, 8, 16, 32"),
        (EncodeOptions, {"quality": 100}, "quality is 100, expected a number in 0..99"),
        (EncodeOptions, {"quality": True}, "quality is True"),
        (EncodeOptions, {"colour": 1}, "unknown option 'colour'"),
        (EncodeOptions, {"payload": "gif"}, "payload is 'gif'"),
        (DecodeOptions, {"realism": 1.5}, "realism is 1.5, expected a number in 0..1"),
        (DecodeOptions, {"realism": float("nan")}, "realism is nan"),
        (DecodeOptions, {"seed": 2**32}, "seed is 4294967296"),
        (DecodeOptions, {"fixed_timestep": -1}, "fixed_timestep is -1"),
        (DecodeLimits, {"pixels": -1}, "pixels is -1"),
    ],
)
def test_values_out_of_range_say_what_was_expected(kind: type, values: dict, message: str) -> None:
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


def test_none_becomes_the_default() -> None:
    assert EncodeOptions().resolved() == EncodeOptions(scale=4, payload="av1", quality=48)
    assert EncodeOptions(payload="png").resolved() == EncodeOptions(scale=4, payload="png")


def test_profile_tadm_is_the_papers_form() -> None:
    options = EncodeOptions.profile("tadm")
    assert (options.scale, options.payload) == (16, "png")
    with pytest.raises(InputError, match="profile is 'best'"):
        EncodeOptions.profile("best")


def test_broken_json_is_an_input_error() -> None:
    for text in ("[1", "3", '{"scale": 4, "x": 1}'):
        with pytest.raises(InputError):
            EncodeOptions.from_json(text)

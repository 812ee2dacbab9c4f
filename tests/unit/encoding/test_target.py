"""The search on made-up coders whose right answer is known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.encoding.table import Curve
from codec.encoding.target import Choice, best_under
from codec.errors import InputError

PIXELS = 100_000


def curve(scale: int, payload: str = "av1", gain: float = 1.0) -> Curve:
    qualities = (0, 25, 50, 75, 99)
    rates = tuple(0.01 * 2 ** (q / 25) * 4 / scale for q in qualities)
    return Curve(scale, payload, qualities, rates, tuple(gain * (0.5 + 0.4 * q / 99) for q in qualities))


def coder(choice: Choice) -> bytes:
    size = 0.01 * 2 ** (choice.quality // 2 * 2 / 25) * 4 / choice.scale * PIXELS / 8
    return bytes(int(size * {"fast": 1.04, "default": 1.0, "best": 0.97}[choice.effort]))


@given(st.integers(130, 3000))
def test_never_above_and_nothing_finer_fits(budget: int) -> None:
    found = best_under(budget, PIXELS, [curve(4)], coder, "default")
    assert len(found.data) <= budget
    assert found.data == coder(found.choice)
    if found.choice.quality < 98:
        assert len(coder(replace(found.choice, quality=found.choice.quality + 2, effort="default"))) > budget


def test_more_effort_brings_the_next_step_under_the_target() -> None:
    """2 percent too much for the usual effort, not for the best one; then that is what is said."""
    limit = int(len(coder(Choice(4, "av1", 50, "default"))) / 1.02)
    found = best_under(limit, PIXELS, [curve(4)], coder, "default")
    assert (found.choice.quality, found.choice.effort) in {(50, "best"), (51, "best")}
    for effort in ("fast", "best"):
        assert best_under(limit, PIXELS, [curve(4)], coder, effort).choice.effort == effort


def test_the_scale_with_the_better_score_wins() -> None:
    both = [curve(4), curve(8, gain=0.9)]
    assert best_under(1500, PIXELS, both, coder, "default").choice.scale == 4
    assert best_under(70, PIXELS, both, coder, "default").choice.scale == 8


def test_a_lossless_payload_is_taken_if_it_fits_and_scores() -> None:
    lossless = Curve(16, "png", (100,), (0.05,), (0.99,))

    def code(choice: Choice) -> bytes:
        return bytes(600) if choice.payload == "png" else coder(choice)

    assert best_under(700, PIXELS, [curve(4), lossless], code, "default").choice.payload == "png"
    assert best_under(500, PIXELS, [curve(4), lossless], code, "default").choice.payload == "av1"


def test_a_budget_that_cannot_be_met_names_the_smallest() -> None:
    with pytest.raises(InputError, match=r"at most 10 bytes; the smallest possible is 62 bytes \(0.00496 bpp, scale 8"):
        best_under(10, PIXELS, [curve(4), curve(8)], coder, "default")
    with pytest.raises(InputError, match="no scale and payload"):
        best_under(10, PIXELS, [], coder, "default")


def test_few_encodings_are_needed() -> None:
    calls: list[Choice] = []

    def counting(choice: Choice) -> bytes:
        calls.append(choice)
        return coder(choice)

    for budget in (130, 400, 1500):
        calls.clear()
        best_under(budget, PIXELS, [curve(4)], counting, "default")
        assert len(calls) <= 14
        assert len(set(calls)) == len(calls)


def test_curves_interpolate_and_hold_their_ends() -> None:
    c = curve(4)
    assert c.score(-5) == c.ms_ssim[0]
    assert c.score(99) == c.ms_ssim[-1]
    assert c.ms_ssim[0] < c.score(10) < c.ms_ssim[1]
    assert c.quality_for(0.0) == 0
    assert c.quality_for(c.bpp[2]) == 50

"""Matched rates, on a synthetic codec whose rates are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.rates import NEAREST_TOLERANCE, RAW_BPP, Unreached, candidates, choose, target_before


def linear(index: int) -> float:
    """Settings 0..99 give 0.010, 0.012, ... bpp."""
    return 0.010 + 0.002 * index


def test_below_takes_the_largest_file_within_the_target() -> None:
    for target in (0.01, 0.0119, 0.05, 0.051, 0.1, 0.207):
        chosen = choose("below", linear, 100, target)
        best = max(i for i in range(100) if linear(i) <= target)
        assert chosen == best


def test_below_says_why_a_rate_is_not_reached() -> None:
    low = choose("below", linear, 100, 0.009)
    assert isinstance(low, Unreached)
    assert "smallest file is 0.0100" in low.reason
    high = choose("below", linear, 100, 0.5)
    assert isinstance(high, Unreached)
    assert "largest file is 0.2080" in high.reason
    # a codec whose finest file is a little below still counts
    assert choose("below", linear, 100, 0.25) == 99


def test_one_setting() -> None:
    assert choose("below", lambda _: 0.066, 1, 0.08) == 0
    assert isinstance(choose("below", lambda _: 0.066, 1, 0.05), Unreached)
    assert isinstance(choose("below", lambda _: 0.066, 1, 0.1), Unreached)


def test_rates_that_are_not_quite_monotone() -> None:
    bumpy = [0.02, 0.03, 0.041, 0.049, 0.047, 0.052, 0.0495, 0.06, 0.07]
    chosen = choose("below", bumpy.__getitem__, len(bumpy), 0.05)
    assert chosen == 6


def test_nearest_is_nearest_in_ratio_and_gives_up_beyond_its_tolerance() -> None:
    rates = [0.016, 0.0243, 0.04]
    # 0.016 is nearer by difference, 0.0243 by ratio
    assert choose("nearest", rates.__getitem__, 3, 0.02) == 1
    edge = 0.05 * math.exp(NEAREST_TOLERANCE)
    assert choose("nearest", [edge - 1e-9].__getitem__, 1, 0.05) == 0
    off = choose("nearest", [edge + 1e-4].__getitem__, 1, 0.05)
    assert isinstance(off, Unreached)
    assert "nearest file is 0.06" in off.reason


def test_finest_takes_the_last() -> None:
    assert choose("finest", linear, 100, RAW_BPP) == 99


def test_targets_in_line() -> None:
    assert [target_before(t) for t in (0.01, 0.02, 0.04, 0.05, 0.2, 0.25, 1.6)] == [0, 0.01, 0.03, 0.03, 0.15, 0.2, 1.0]


@pytest.mark.parametrize("target", [0.011, 0.03, 0.1, 0.5])
def test_few_encodes_and_no_memory_of_other_targets(target: float) -> None:
    asked: list[int] = []

    def counting(rate: Callable[[int], float]) -> Callable[[int], float]:
        def ask(index: int) -> float:
            asked.append(index)
            return rate(index)

        return ask

    first = candidates(counting(linear), 100, target)
    assert len(set(asked) | set(first)) <= 18
    assert candidates(linear, 100, target) == first


def test_a_codec_that_is_told_a_rate_is_asked_once() -> None:
    asked = []

    def rate(index: int) -> float:
        asked.append(index)
        return (index + 1) / 10_000 * 0.97

    assert choose("below", rate, 10_000, 0.015, 10_000) == 149
    assert choose("first", rate, 10_000, 0.03, 10_000) == 299
    assert asked == [149, 299]
    assert isinstance(choose("below", rate, 10_000, 2.0, 10_000), Unreached)
    assert isinstance(choose("below", lambda _: 0.5, 10_000, 0.03, 10_000), Unreached)

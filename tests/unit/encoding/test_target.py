"""The search on made-up coders whose right answer is known."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.encoding.choosing import best_by_looking, best_by_table
from codec.encoding.table import Curve
from codec.encoding.target import Choice, Target
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
    found = best_by_table(Target(budget, PIXELS, coder, "default"), [curve(4)])
    assert len(found.data) <= budget
    assert found.data == coder(found.choice)
    if found.choice.quality < 98:
        assert len(coder(replace(found.choice, quality=found.choice.quality + 2, effort="default"))) > budget


@pytest.mark.parametrize("effort", ["fast", "default", "best"])
def test_the_effort_asked_for_is_that_of_the_file(effort: str) -> None:
    assert best_by_table(Target(700, PIXELS, coder, effort), [curve(4)]).choice.effort == effort


def test_the_scale_with_the_better_score_wins() -> None:
    both = [curve(4), curve(8, gain=0.9)]
    assert best_by_table(Target(1500, PIXELS, coder, "default"), both).choice.scale == 4
    assert best_by_table(Target(70, PIXELS, coder, "default"), both).choice.scale == 8


def test_a_lossless_payload_is_taken_if_it_fits_and_scores() -> None:
    lossless = Curve(16, "png", (100,), (0.05,), (0.99,))

    def code(choice: Choice) -> bytes:
        return bytes(600) if choice.payload == "png" else coder(choice)

    assert best_by_table(Target(700, PIXELS, code, "default"), [curve(4), lossless]).choice.payload == "png"
    assert best_by_table(Target(500, PIXELS, code, "default"), [curve(4), lossless]).choice.payload == "av1"


def test_a_budget_that_cannot_be_met_names_the_smallest() -> None:
    with pytest.raises(InputError, match=r"at most 10 bytes; the smallest possible is 62 bytes \(0.00496 bpp, scale 8"):
        best_by_table(Target(10, PIXELS, coder, "default"), [curve(4), curve(8)])
    smallest = len(best_by_table(Target(62, PIXELS, coder, "default"), [curve(8)]).data)
    with pytest.raises(InputError, match="at most 61 bytes"):  # a byte is a byte
        best_by_table(Target(smallest - 1, PIXELS, coder, "default"), [curve(8)])
    with pytest.raises(InputError, match="no scale and payload"):
        best_by_table(Target(10, PIXELS, coder, "default"), [])


def test_few_encodings_are_needed() -> None:
    calls: list[Choice] = []

    def counting(choice: Choice) -> bytes:
        calls.append(choice)
        return coder(choice)

    for budget in (130, 400, 1500):
        calls.clear()
        best_by_table(Target(budget, PIXELS, counting, "default"), [curve(4)])
        assert len(set(calls)) <= 8
        assert sum(c.effort == "default" for c in set(calls)) <= 3


LADDER = [curve(1), curve(2), curve(4), curve(8, gain=0.9), curve(16)]


def seen(best: tuple[int, str], looked: list[Choice]) -> Callable[[Choice], float]:
    """Pictures of this scale and chroma are the best, others the worse the further they are from it."""

    def look(choice: Choice) -> float:
        looked.append(choice)
        return 1 - abs(math.log2(choice.scale / best[0])) / 8 - 0.01 * (choice.chroma != best[1])

    return look


@pytest.mark.parametrize("chroma", ["auto", "444"])
@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_looking_finds_what_the_table_does_not_know(scale: int, chroma: str) -> None:
    looked: list[Choice] = []
    target = Target(1500, PIXELS, coder, "default")
    found = best_by_looking(target, LADDER, seen((scale, chroma), looked))
    assert (found.choice.scale, found.choice.chroma) == (scale, chroma)
    assert len(found.data) <= 1500
    assert found.data == coder(found.choice)
    assert len({(c.scale, c.chroma) for c in looked}) == len(looked) <= 6


def test_what_one_scale_took_tells_where_the_next_begins() -> None:
    """A photograph with three times the table's bytes: only the first scale is searched for long."""
    calls: list[Choice] = []

    def busy(choice: Choice) -> bytes:
        calls.append(choice)
        return 3 * coder(choice)

    best_by_looking(Target(1500, PIXELS, busy, "fast"), LADDER, seen((8, "444"), []))
    order = list(dict.fromkeys((c.scale, c.chroma) for c in calls))
    counts = [sum((c.scale, c.chroma) == which for c in set(calls)) for which in order]
    assert len(order) >= 4
    assert counts[0] <= 5
    assert max(counts[1:]) <= 4


@pytest.mark.parametrize(("exact", "most"), [(True, 5), (False, 1)])
def test_the_end_of_a_search_takes_few_codings(exact: bool, most: int) -> None:
    """Slow codings are few, and one is enough where the limit is that of fast coding."""
    calls: list[Choice] = []

    def careful(choice: Choice) -> bytes:
        calls.append(choice)
        return 10 * coder(choice)

    target = Target(15_000, 10 * PIXELS, careful, "default", exact=exact)
    found = best_by_looking(target, LADDER, seen((2, "444"), []))
    assert {c.effort for c in calls} == {"fast", "default"}
    assert (found.choice.scale, found.choice.chroma, found.choice.effort) == (2, "444", "default")
    assert found.data == careful(found.choice)
    assert (0.97 if exact else 0.8) * 15_000 < len(found.data) <= 15_000
    assert sum(c.effort == "default" for c in calls[:-1]) <= most


def test_looking_stops_where_the_picture_gets_worse_unless_thorough() -> None:
    target = Target(1500, PIXELS, coder, "best")
    looked: list[Choice] = []
    best_by_looking(target, LADDER, seen((4, "auto"), looked))
    some = {c.scale for c in looked}
    best_by_looking(target, LADDER, seen((4, "auto"), looked), thorough=True)
    assert some < {1, 2, 4, 8, 16} == {c.scale for c in looked}


def test_what_another_scale_tells_does_not_keep_from_the_only_one_that_fits() -> None:
    """Files of scale 8 are ten times as large as the table says, which says nothing of scale 16."""

    def code(choice: Choice) -> bytes:
        return coder(choice) * (1 if choice.scale == 16 else 10)

    target = Target(70, PIXELS, code, "default")
    found = best_by_looking(target, [curve(8), curve(16, gain=0.5)], seen((1, "auto"), []))
    assert found.choice.scale == 16
    assert len(found.data) <= 70


def test_a_file_that_only_nearly_fits_is_not_returned() -> None:
    """Nothing is finer than what is 4% too large: a coarser scale is taken, or none."""
    two, target = [curve(4), curve(8, gain=0.9)], Target(125, PIXELS, coder, "fast")
    assert len(coder(Choice(4, "av1", 0, "fast"))) in range(126, 136)
    assert best_by_looking(target, two, seen((4, "auto"), [])).choice.scale == 8
    with pytest.raises(InputError, match="at most 125 bytes"):
        best_by_looking(target, two[:1], seen((4, "auto"), []))


def test_looking_keeps_to_the_chroma_asked_for_and_to_the_size() -> None:
    looked: list[Choice] = []
    target = Target(1500, PIXELS, coder, "default", "420")
    assert best_by_looking(target, LADDER, seen((4, "444"), looked)).choice.chroma == "420"
    small = Target(70, PIXELS, coder, "default")
    assert best_by_looking(small, LADDER, seen((1, "auto"), looked)).choice.scale == 8
    with pytest.raises(InputError, match="at most 10 bytes; the smallest possible is"):
        best_by_looking(Target(10, PIXELS, coder, "default"), LADDER, seen((1, "auto"), looked))
    with pytest.raises(InputError, match="no scale and payload"):
        best_by_looking(target, [], seen((1, "auto"), looked))


def test_curves_interpolate_and_hold_their_ends() -> None:
    c = curve(4)
    assert c.score(-5) == c.ms_ssim[0]
    assert c.score(99) == c.ms_ssim[-1]
    assert c.ms_ssim[0] < c.score(10) < c.ms_ssim[1]
    assert c.quality_for(0.0) == 0
    assert c.quality_for(c.bpp[2]) == 50

"""Matched rate: which setting of a codec spends about so many bits on a photograph.

Four protocols. `below` takes the largest file that does not exceed the target, so no codec is ever given more bits
than was agreed. `first` gives the first codec named the target and every other one the size of the first's file: on no
photograph does a peer get a byte more, nor much less. `nearest` takes the file nearest to the target on a log scale and
gives up beyond a factor of e^0.2 (1.22); on Kodak 01-12 it reproduces the tables of peers that this project compares
itself with. `finest` takes every codec's largest file and is for comparing codecs that store the LR without loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["below", "first", "nearest", "finest"]
PROTOCOLS: tuple[Protocol, ...] = ("below", "first", "nearest", "finest")
#: The raw picture: the one target of `finest`.
RAW_BPP = 24.0
TARGETS: dict[Protocol, tuple[float, ...]] = {
    "below": (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2),
    "first": (0.015, 0.03, 0.05, 0.08, 0.1),
    "nearest": (0.02, 0.03, 0.05, 0.08, 0.1),
    "finest": (RAW_BPP,),
}
#: Largest |ln(bpp / target)| of the protocol `nearest`.
NEAREST_TOLERANCE = 0.2
#: Targets above the usual ones are taken to be this factor apart.
_STEP_ABOVE = 1.6
#: Rates are almost, not quite, monotone in the setting: so many settings around the crossing are tried as well.
NEIGHBOURS = 2

Rate = Callable[[int], float]


@dataclass(frozen=True)
class Unreached:
    """Why a codec has no file of a photograph at a target."""

    reason: str


def choose(protocol: Protocol, rate: Rate, count: int, target: float, parts: int = 0) -> int | Unreached:
    """Which of a codec's settings to take.

    Args:
        protocol: "below", "nearest" or "finest".
        rate: bpp of the file at a setting's index, 0 = coarsest; called few times, may remember.
        count: number of settings.
        target: bpp.
        parts: of a codec that is told a rate, see `bench.codecs.base.Codec`.

    Returns:
        Index of the setting, or why there is none. It depends on rate and target alone, not on what was asked before.
    """
    if protocol == "finest":
        return count - 1
    if parts:
        return _told(rate, count, math.floor(target * parts + 1e-9), target)
    tried = {i: rate(i) for i in candidates(rate, count, target)}
    if protocol in ("below", "first"):
        return _below(tried, count, target)
    return _nearest(tried, target)


def candidates(rate: Rate, count: int, target: float) -> list[int]:
    """Indices around the place where the rate crosses the target.

    Steps of doubling length from the coarse end, then bisection: at the rates of this bench most codecs are near their
    coarse end, where files are also made fastest.
    """
    low, high, step = -1, count, 1
    while low + step < count:
        if rate(low + step) > target:
            high = low + step
            break
        low, step = low + step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if rate(middle) <= target:
            low = middle
        else:
            high = middle
    return list(range(max(low - NEIGHBOURS, 0), min(high + NEIGHBOURS, count - 1) + 1))


def target_before(target: float) -> float:
    """The usual target below one, 0 below the first.

    A codec whose largest file is no larger than that does not reach the target: it would only repeat a lower point.
    """
    usual = TARGETS["below"]
    if target > usual[-1]:
        return max(usual[-1], target / _STEP_ABOVE)
    return max((t for t in usual if t < target), default=0.0)


def _told(rate: Rate, count: int, setting: int, target: float) -> int | Unreached:
    if not 1 <= setting <= count:
        return Unreached("it cannot be told this rate")
    bpp = rate(setting - 1)
    return setting - 1 if bpp <= target else Unreached(f"it was told the rate and made {bpp:.4f} bpp")


def _below(tried: dict[int, float], count: int, target: float) -> int | Unreached:
    fitting = {i: bpp for i, bpp in tried.items() if bpp <= target}
    if not fitting:
        return Unreached(f"its smallest file is {min(tried.values()):.4f} bpp")
    best = max(fitting, key=lambda i: (fitting[i], i))
    if best == count - 1 and fitting[best] <= target_before(target):
        return Unreached(f"its largest file is {fitting[best]:.4f} bpp")
    return best


def _nearest(tried: dict[int, float], target: float) -> int | Unreached:
    off = {i: abs(math.log(bpp / target)) for i, bpp in tried.items()}
    best = min(off, key=lambda i: (off[i], i))
    if off[best] > NEAREST_TOLERANCE:
        return Unreached(f"its nearest file is {tried[best]:.4f} bpp")
    return best

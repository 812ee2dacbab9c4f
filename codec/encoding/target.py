"""The best picture in so many bytes: which scale, payload, quality and chroma."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from codec.encoding.settings import LOSSLESS
from codec.encoding.table import Curve
from codec.errors import InputError, UnsupportedError

#: A curve expected to be so much worse in MS-SSIM than what was found is not tried.
_HOPELESS = 0.05
#: Nor is one whose smallest files are so many times too large, unless nothing else fits.
_FAR = 3


@dataclass(frozen=True)
class Choice:
    """A setting to try.

    Attributes:
        scale: HR/LR ratio.
        payload: "av1", "png", ...
        quality: 0..99, 100 = lossless.
        effort: "fast", "default" or "best".
        chroma: "auto", "420" or "444".
    """

    scale: int
    payload: str
    quality: int
    effort: str
    chroma: str = "auto"


#: The whole file of a picture at a setting.
Coder = Callable[[Choice], bytes]
#: How good a picture the file of a setting gives; larger is better.
Look = Callable[[Choice], float]


@dataclass(frozen=True)
class Found:
    """What was chosen for one picture.

    Attributes:
        data: the file.
        choice: its settings.
        score: of the picture: what the table expects, or what was seen.
    """

    data: bytes
    choice: Choice
    score: float


@dataclass(frozen=True)
class Target:
    """A size to meet with one picture.

    Attributes:
        max_bytes: of the whole file.
        pixels: HR pixels of the picture.
        code: codes the picture at one setting.
        effort: "fast", "default" or "best": of the file that is returned; the search itself is fast.
        chroma: of lossy payloads.
        exact: whether the file is filled up to the limit with the effort asked for; else the limit is one of files
            coded fast, and what that finds is coded once more.
        busy: how many times the table's bytes this picture takes, as far as that is known: where searches begin.
    """

    max_bytes: int
    pixels: int
    code: Coder
    effort: str
    chroma: str = "auto"
    exact: bool = True
    busy: float = 1.0

    @property
    def bpp(self) -> float:
        """Bits of the whole file per HR pixel."""
        return 8 * self.max_bytes / self.pixels

    def fits(self, found: Found) -> bool:
        """Whether a file is small enough."""
        return len(found.data) <= self.max_bytes

    def expected(self, curve: Curve) -> float:
        """MS-SSIM that the table expects of a curve; 0 where even its smallest files are far too large."""
        bpp = self.bpp / self.busy
        return curve.score(curve.quality_for(bpp)) if curve.bpp[0] < _FAR * bpp else 0.0

    def knowing(self, found: Found, curve: Curve) -> Target:
        """The same, with what a file of this picture says of its content: the next search begins nearer."""
        quality = found.choice.quality
        if quality == LOSSLESS or not found.data:
            return self
        return replace(self, busy=8 * len(found.data) / self.pixels / curve.rate(quality))


def best_by_table(target: Target, candidates: Iterable[Curve]) -> Found:
    """The file with the best picture, as far as the table knows.

    Args:
        target: size and picture.
        candidates: curves of the scales and payloads that may be used.

    Raises:
        InputError: no setting fits; the message names the smallest possible size.
    """
    found: list[Found] = []
    for curve in sorted(candidates, key=target.expected, reverse=True):
        fitting = [one.score for one in found if target.fits(one)]
        if fitting and target.expected(curve) < max(fitting) - _HOPELESS:
            continue
        try:
            found.append(_finished(target, _finest(target, curve)))
        except UnsupportedError:  # its package is not installed: no candidate here
            continue
    return _best(target, found)


def best_by_looking(target: Target, candidates: Sequence[Curve], look: Look, *, thorough: bool = False) -> Found:
    """The file with the best picture, as rebuilt.

    From the scale that the table would take, up and down as long as the picture gets better; lossless payloads where
    they fit; then colour at full resolution.

    Args:
        target: size and picture.
        candidates: curves of the scales and payloads that may be used.
        look: what a setting's picture is worth.
        thorough: look at every scale.

    Raises:
        InputError: no setting fits; the message names the smallest possible size.
    """
    ladder = sorted((c for c in candidates if c.quality != (LOSSLESS,)), key=lambda c: c.scale)
    seen: dict[int, Found] = {}
    known = target

    def at(step: int) -> float:
        nonlocal known
        if step not in seen:
            seen[step] = _seen(target, _finest(known, ladder[step]), look)
            known = known.knowing(seen[step], ladder[step])
        return seen[step].score

    if ladder:
        start = max(range(len(ladder)), key=lambda i: target.expected(ladder[i]))
        for direction in (1, -1):
            step = start
            while 0 <= step + direction < len(ladder) and (at(step + direction) >= at(step) or thorough):
                step += direction
        at(start)
    best = _best(target, list(seen.values()) + _lossless(target, candidates, look))
    if target.chroma == "auto" and best.choice.quality != LOSSLESS:
        curve = next(c for c in ladder if c.scale == best.choice.scale)
        full = _finest(target, curve, "444", start=max(0, best.choice.quality - 1))
        best = _best(target, [best, _seen(target, full, look)])
    return _finished(target, best)


def _lossless(target: Target, candidates: Iterable[Curve], look: Look) -> list[Found]:
    found = []
    for curve in candidates:
        if curve.quality == (LOSSLESS,) and curve.bpp[0] < _FAR * target.bpp:
            try:
                found.append(_seen(target, _finest(target, curve), look))
            except UnsupportedError:  # its package is not installed: no candidate here
                continue
    return found


def _seen(target: Target, found: Found, look: Look) -> Found:
    return replace(found, score=look(found.choice) if target.fits(found) else -1.0)


def _best(target: Target, found: Sequence[Found]) -> Found:
    if not found:
        raise InputError("no scale and payload to choose from")
    fitting = [one for one in found if target.fits(one)]
    if not fitting:
        smallest = min(found, key=lambda one: len(one.data))
        least = smallest.choice
        raise InputError(
            f"no setting gives at most {target.max_bytes} bytes; the smallest possible is {len(smallest.data)} bytes "
            f"({8 * len(smallest.data) / target.pixels:.5f} bpp, scale {least.scale}, {least.payload})"
        )
    return max(fitting, key=lambda one: (one.score, -len(one.data)))


def _finest(target: Target, curve: Curve, chroma: str | None = None, start: int | None = None) -> Found:
    """The finest quality of one curve that fits, coded fast; the coarsest there is if none does.

    Args:
        target: size and picture.
        curve: scale and payload.
        chroma: None = the target's.
        start: quality to begin at; None = what the table says.
    """
    chroma = target.chroma if chroma is None else chroma
    coded: dict[int, bytes] = {}

    def choice(quality: int) -> Choice:
        return Choice(curve.scale, curve.payload, quality, "fast", chroma)

    def at(quality: int) -> bytes:
        if quality not in coded:
            coded[quality] = target.code(choice(quality))
        return coded[quality]

    if curve.quality == (LOSSLESS,):
        return Found(at(LOSSLESS), choice(LOSSLESS), curve.score(LOSSLESS))
    start = curve.quality_for(target.bpp / target.busy) if start is None else start
    known = target.knowing(Found(at(start), choice(start), 0.0), curve)  # one file tells more than the table
    start = curve.quality_for(known.bpp / known.busy)
    quality = _last_fitting(target.max_bytes, start, lambda q: len(at(q)))
    return Found(at(quality), choice(quality), curve.score(quality))


def _finished(target: Target, found: Found) -> Found:
    """The same setting coded with the effort asked for, at the finest quality that fits then."""
    start = replace(found.choice, effort=target.effort)
    coded = {found.choice: found.data}

    def at(quality: int) -> Found:
        choice = replace(start, quality=quality)
        if choice not in coded:
            coded[choice] = target.code(choice)
        return replace(found, data=coded[choice], choice=choice)

    quality = start.quality
    if quality == LOSSLESS or not target.exact:
        return at(quality)
    # sizes of another effort differ by a few percent, so the end of the search is done with the right one
    if start not in coded and quality > 0:
        pair = [replace(start, quality=q) for q in (quality - 1, quality)]
        with ThreadPoolExecutor(2) as pool:  # two in the time of one: most often the first fits, the second may
            coded |= zip(pair, pool.map(target.code, pair), strict=True)
    return at(_last_fitting(target.max_bytes, quality, lambda q: len(at(q).data)))


def _last_fitting(limit: int, start: int, size: Callable[[int], int]) -> int:
    """The largest quality whose file has at most `limit` bytes, 0 if none has.

    Bytes grow about exponentially with the quality, so that few files show where the limit is crossed.
    """
    low, high, step, guess = -1, 100, 2, max(0, min(99, start))
    at: dict[int, float] = {}
    while high - low > 1:
        at[guess] = math.log(size(guess) / limit)
        low, high = (guess, high) if at[guess] <= 0 else (low, guess)
        if low < 0:
            guess, step = max(0, guess - step), 2 * step
        elif high > 99:
            guess, step = min(99, guess + step), 2 * step
        elif high - low > 1:
            share = -at[low] / (at[high] - at[low])
            guess = min(high - 1, max(low + 1, round(low + share * (high - low))))
    return max(0, low)

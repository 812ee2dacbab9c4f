"""The best picture in so many bytes: which scale, payload, quality and chroma."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from codec.encoding.settings import LOSSLESS
from codec.encoding.table import Curve
from codec.errors import InputError, UnsupportedError

#: A curve expected to be so much worse in MS-SSIM than what was found is not tried.
_HOPELESS = 0.05
#: Nor is one whose smallest files are so many times too large, unless nothing else fits: by the table alone, and when
#: another scale has told how busy the picture is.
_FAR, _FARTHER = 3, 1.3
#: A file is looked at when it is so near to the limit, as a logarithm; the rest is taken from the table.
_NEAR = 0.08
#: Lossless payloads are looked at up to so many times the scale that is best among the others.
_COARSER = 4
#: With the effort asked for, a quality is not tried that is expected to be so much too large, as a logarithm.
_SURE = 0.01


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


#: The whole file of a picture at a setting; remembers what it has coded.
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

    def fits(self, found: Found, slack: float = 0.0) -> bool:
        """Whether a file is small enough, or larger by `slack` (a logarithm) at most."""
        return len(found.data) <= self.max_bytes * math.exp(slack)

    def expected(self, curve: Curve) -> float:
        """MS-SSIM that the table expects of a curve; 0 where even its smallest files are far too large."""
        bpp = self.bpp / self.busy
        return curve.worth(bpp) if curve.bpp[0] < _FAR * bpp else 0.0

    def reaches(self, curve: Curve, times: float = _FARTHER) -> bool:
        """Whether the smallest files of a curve are expected to be at most so many times too large."""
        return curve.bpp[0] * self.busy <= times * self.bpp

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
    slack = 0.0 if thorough else _NEAR
    best = _best_seen(target, candidates, look, slack)
    done = _finished(target, best)
    if slack and target.exact and not target.fits(done):  # nothing finer than what only nearly fits
        return _finished(target, _best_seen(target, candidates, look, 0.0))
    return done


def _best_seen(target: Target, candidates: Sequence[Curve], look: Look, slack: float) -> Found:
    """What looks best of the files that fit, coded fast; without slack every scale is looked at."""
    ladder = sorted((c for c in candidates if c.quality != (LOSSLESS,)), key=lambda c: c.scale)
    seen: dict[int, Found] = {}
    known = target

    def at(step: int) -> float:
        nonlocal known
        if step not in seen:
            near = _finest(known, ladder[step], slack=slack)
            known = known.knowing(near, ladder[step])
            seen[step] = _seen(known, near, look, ladder[step], slack)
        return seen[step].score

    def better(step: int, than: int) -> bool:
        if not slack:
            at(step)
            return True
        return known.reaches(ladder[step]) and at(step) >= at(than)

    if ladder:
        start = max(range(len(ladder)), key=lambda i: (target.reaches(ladder[i], 1), target.expected(ladder[i])))
        at(start)
        for direction in (1, -1):
            step = start
            while 0 <= step + direction < len(ladder) and better(step + direction, step):
                step += direction
    lossy = list(seen.values())
    best_scale = max(lossy, key=lambda one: one.score).choice.scale if lossy and slack else math.inf
    best = _best(target, lossy + _lossless(target, candidates, look, _COARSER * best_scale), slack)
    if best.choice.quality == LOSSLESS:
        return best
    curve = next(c for c in ladder if c.scale == best.choice.scale)
    if target.chroma == "auto":
        full = _finest(target, curve, "444", start=max(0, best.choice.quality - 1), slack=slack)
        best = _best(target, [best, _seen(target.knowing(full, curve), full, look, curve, slack)], slack)
    if not target.exact:
        return best
    return _finest(target, curve, best.choice.chroma, start=best.choice.quality, slack=_SURE if slack else 0.0)


def _lossless(target: Target, candidates: Iterable[Curve], look: Look, coarsest: float) -> list[Found]:
    """Lossless payloads up to a scale; of those of one, which show the same, the smallest."""
    found: dict[int, Found] = {}
    for curve in candidates:
        if curve.quality == (LOSSLESS,) and curve.bpp[0] < _FAR * target.bpp and curve.scale <= coarsest:
            try:
                one = _finest(target, curve)
            except UnsupportedError:  # its package is not installed: no candidate here
                continue
            if curve.scale not in found or len(one.data) < len(found[curve.scale].data):
                found[curve.scale] = one
    return [replace(one, score=look(one.choice) if target.fits(one) else -1.0) for one in found.values()]


def _seen(target: Target, found: Found, look: Look, curve: Curve, slack: float) -> Found:
    """What a file's picture is worth, and what the table says of the bytes that it has too many or too few."""
    if not target.fits(found, slack):
        return replace(found, score=-1.0)
    rest = curve.worth(target.bpp / target.busy) - curve.score(found.choice.quality) if slack else 0.0
    return replace(found, score=look(found.choice) + rest)


def _best(target: Target, found: Sequence[Found], slack: float = 0.0) -> Found:
    if not found:
        raise InputError("no scale and payload to choose from")
    fitting = [one for one in found if target.fits(one, slack)]
    if not fitting:
        smallest = min(found, key=lambda one: len(one.data))
        least = smallest.choice
        raise InputError(
            f"no setting gives at most {target.max_bytes} bytes; the smallest possible is {len(smallest.data)} bytes "
            f"({8 * len(smallest.data) / target.pixels:.5f} bpp, scale {least.scale}, {least.payload})"
        )
    return max(fitting, key=lambda one: (one.score, -len(one.data)))


def _finest(
    target: Target, curve: Curve, chroma: str | None = None, start: int | None = None, slack: float = 0.0
) -> Found:  # fmt: skip
    """The finest quality of one curve that fits, coded fast; the coarsest there is if none does.

    Args:
        target: size and picture.
        curve: scale and payload.
        chroma: None = the target's.
        start: quality to begin at; None = what the table says.
        slack: how near to the limit will do, above it too, as a logarithm.
    """
    chroma = target.chroma if chroma is None else chroma

    def choice(quality: int) -> Choice:
        return Choice(curve.scale, curve.payload, quality, "fast", chroma)

    def at(quality: int) -> bytes:
        return target.code(choice(quality))

    if curve.quality == (LOSSLESS,):
        return Found(at(LOSSLESS), choice(LOSSLESS), curve.score(LOSSLESS))
    start = curve.quality_for(target.bpp / target.busy) if start is None else start
    known = target.knowing(Found(at(start), choice(start), 0.0), curve)  # one file tells more than the table
    start = curve.quality_for(known.bpp / known.busy)
    quality = _last_fitting(target.max_bytes, start, lambda q: len(at(q)), slack)
    return Found(at(quality), choice(quality), curve.score(quality))


def _finished(target: Target, found: Found) -> Found:
    """The same setting coded with the effort asked for, at the finest quality that fits then.

    Sizes of another effort differ by a few percent, much the same at neighbouring qualities.
    """

    def at(quality: int) -> Found:
        choice = replace(found.choice, effort=target.effort, quality=quality)
        return replace(found, data=target.code(choice), choice=choice)

    def quick(quality: int) -> bytes:
        return target.code(replace(found.choice, quality=quality))

    quality = found.choice.quality
    if quality == LOSSLESS or not target.exact or target.effort == found.choice.effort:
        return at(quality)
    best, low, high = None, -1, LOSSLESS
    while low + 1 < high:
        one = at(quality)
        ratio = len(one.data) / len(quick(quality))
        if target.fits(one):
            best, low = one, quality
            while low + 1 < high and quick(low + 1) == quick(low):  # neighbours may be one to the quantiser
                low += 1
        else:
            high = quality
        guess = _last_fitting(target.max_bytes / ratio, quality, lambda q: len(quick(q)), _SURE)
        quality = min(max(guess, low + 1), high - 1)
        if guess <= low and (low + 1 == high or ratio * len(quick(quality)) > target.max_bytes * math.exp(_SURE)):
            break
    return best or at(0)


def _last_fitting(limit: float, start: int, size: Callable[[int], int], slack: float = 0.0) -> int:
    """The largest quality whose file has at most `limit` bytes, 0 if none has; or one that is as near as `slack`.

    Bytes grow about exponentially with the quality, so that few files show where the limit is crossed.
    """
    low, high, step, guess = -1, 100, 2, max(0, min(99, start))
    at: dict[int, float] = {}
    while high - low > 1:
        at[guess] = math.log(size(guess) / limit)
        if abs(at[guess]) < slack:
            return guess
        low, high = (guess, high) if at[guess] <= 0 else (low, guess)
        if low < 0:
            guess, step = max(0, guess - step), 2 * step
        elif high > 99:
            guess, step = min(99, guess + step), 2 * step
        elif high - low > 1:
            share = -at[low] / (at[high] - at[low])
            guess = min(high - 1, max(low + 1, round(low + share * (high - low))))
    return max(0, low)

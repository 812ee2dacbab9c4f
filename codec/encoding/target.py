"""A size to meet, and the finest quality of one scale and payload that meets it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from codec.encoding.settings import LOSSLESS
from codec.encoding.table import Curve

#: A curve whose smallest files are so many times too large is not tried unless nothing else fits: by the table alone,
#: and when another scale has told how busy the picture is.
FAR, _NEARER = 3, 1.3
#: With the effort asked for, a quality is not tried that is expected to be so much too large, as a logarithm.
SURE = 0.01


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
        return curve.worth(bpp) if curve.bpp[0] < FAR * bpp else 0.0

    def reaches(self, curve: Curve, times: float = _NEARER) -> bool:
        """Whether the smallest files of a curve are expected to be at most so many times too large."""
        return curve.bpp[0] * self.busy <= times * self.bpp

    def knowing(self, found: Found, curve: Curve) -> Target:
        """The same, with what a file of this picture says of its content: the next search begins nearer."""
        quality = found.choice.quality
        if quality == LOSSLESS or not found.data:
            return self
        return replace(self, busy=8 * len(found.data) / self.pixels / curve.rate(quality))


def finest(
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


def finished(target: Target, found: Found) -> Found:
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
        guess = _last_fitting(target.max_bytes / ratio, quality, lambda q: len(quick(q)), SURE)
        quality = min(max(guess, low + 1), high - 1)
        if guess <= low and (low + 1 == high or ratio * len(quick(quality)) > target.max_bytes * math.exp(SURE)):
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

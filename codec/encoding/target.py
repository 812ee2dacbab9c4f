"""The best picture in so many bytes: which scale, payload and quality."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
    """

    scale: int
    payload: str
    quality: int
    effort: str


#: The whole file of a picture at a setting.
Coder = Callable[[Choice], bytes]


@dataclass(frozen=True)
class Found:
    """What was chosen for one picture.

    Attributes:
        data: the file.
        choice: its settings.
        score: MS-SSIM that the table expects of them.
    """

    data: bytes
    choice: Choice
    score: float


def best_under(max_bytes: int, pixels: int, candidates: Iterable[Curve], code: Coder, effort: str) -> Found:
    """The file with the best expected picture among those of at most `max_bytes`.

    Args:
        max_bytes: of the whole file.
        pixels: HR pixels of the picture.
        candidates: curves of the scales and payloads that may be used.
        code: codes the picture at one setting.
        effort: "fast", "default" or "best": of the file that is returned; the search itself is fast.

    Raises:
        InputError: no setting fits; the message names the smallest possible size.
    """
    found: list[Found] = []
    smallest: Found | None = None

    def expected(curve: Curve) -> float:
        bpp = 8 * max_bytes / pixels
        return curve.score(curve.quality_for(bpp)) if curve.bpp[0] < _FAR * bpp else 0.0

    for curve in sorted(candidates, key=expected, reverse=True):
        if found and expected(curve) < max(one.score for one in found) - _HOPELESS:
            continue
        try:
            lowest = _finest_under(max_bytes, pixels, curve, code, effort)
        except UnsupportedError:  # its package is not installed: no candidate here
            continue
        if len(lowest.data) <= max_bytes:
            found.append(lowest)
        if smallest is None or len(lowest.data) < len(smallest.data):
            smallest = lowest
    if smallest is None:
        raise InputError("no scale and payload to choose from")
    if not found:
        least = smallest.choice
        raise InputError(
            f"no setting gives at most {max_bytes} bytes; the smallest possible is {len(smallest.data)} bytes "
            f"({8 * len(smallest.data) / pixels:.5f} bpp, scale {least.scale}, {least.payload})"
        )
    return max(found, key=lambda one: (one.score, -len(one.data)))


def _finest_under(max_bytes: int, pixels: int, curve: Curve, code: Coder, effort: str) -> Found:
    """The finest quality of one curve that fits; the coarsest there is if none does."""
    tried: dict[tuple[int, str], bytes] = {}

    def at(quality: int, how: str) -> bytes:
        if (quality, how) not in tried:
            tried[quality, how] = code(Choice(curve.scale, curve.payload, quality, how))
        return tried[quality, how]

    def found(quality: int, how: str) -> Found:
        return Found(at(quality, how), Choice(curve.scale, curve.payload, quality, how), curve.score(quality))

    if curve.quality == (100,):
        return found(100, effort)
    low, high = _bracket(max_bytes, curve.quality_for(8 * max_bytes / pixels), at)
    while high - low > 1:
        middle = (low + high) // 2
        if len(at(middle, "fast")) <= max_bytes:
            low = middle
        else:
            high = middle
    # sizes of another effort differ by a few percent, so the end of the search is done with the right one
    quality = min(99, low + 2)
    while quality > 0 and len(at(quality, effort)) > max_bytes:
        quality -= 1
    # qualities come in steps of up to a fifth of the bytes: more effort may bring the next step under the target
    finer = range(min(99, quality + 3), quality, -1) if effort == "default" else ()
    better = next((q for q in finer if len(at(q, "best")) <= max_bytes), None)
    return found(quality, effort) if better is None else found(better, "best")


def _bracket(max_bytes: int, start: int, at: Callable[[int, str], bytes]) -> tuple[int, int]:
    """Qualities (fits or 0, does not fit or 100) around a first guess, found in growing steps."""
    low, high, step = max(0, min(99, start)), 100, 4
    while low > 0 and len(at(low, "fast")) > max_bytes:
        low, high, step = max(0, low - step), low, 2 * step
    if high == 100:
        probe = low
        while (probe := min(99, probe + step)) < 99 and len(at(probe, "fast")) <= max_bytes:
            low, step = probe, 2 * step
        high = 100 if probe == 99 and len(at(99, "fast")) <= max_bytes else probe
        low = 99 if high == 100 else low
    return low, high

"""The best picture in so many bytes: which scale, payload, quality and chroma."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from codec.encoding.settings import LOSSLESS
from codec.encoding.table import Curve
from codec.encoding.target import FAR, SURE, Choice, Found, Target, finest, finished
from codec.errors import InputError, UnsupportedError

#: A curve expected to be so much worse in MS-SSIM than what was found is not tried.
_HOPELESS = 0.05
#: A file is looked at when it is so near to the limit, as a logarithm; the rest is taken from the table.
_NEAR = 0.08
#: Lossless payloads are looked at up to so many times the scale that is best among the others.
_COARSER = 4

#: How good a picture the file of a setting gives; larger is better.
Look = Callable[[Choice], float]


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
            found.append(finished(target, finest(target, curve)))
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
    done = finished(target, best)
    if slack and target.exact and not target.fits(done):  # nothing finer than what only nearly fits
        return finished(target, _best_seen(target, candidates, look, 0.0))
    return done


def _best_seen(target: Target, candidates: Sequence[Curve], look: Look, slack: float) -> Found:
    """What looks best of the files that fit, coded fast; without slack every scale is looked at."""
    ladder = sorted((c for c in candidates if c.quality != (LOSSLESS,)), key=lambda c: c.scale)
    seen: dict[int, Found] = {}
    known = target

    def at(step: int) -> float:
        nonlocal known
        if step not in seen:
            near = finest(known, ladder[step], slack=slack)
            known = known.knowing(near, ladder[step])
            seen[step] = _seen(known, near, look, ladder[step], slack)
        return seen[step].score

    def better(step: int, than: int) -> bool:
        if not slack:
            at(step)
            return True
        # what one scale tells of another is a guess: where nothing fits so far, the next is tried all the same
        return (known.reaches(ladder[step]) or at(than) < 0) and at(step) >= at(than)

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
        full = finest(target, curve, "444", start=max(0, best.choice.quality - 1), slack=slack)
        best = _best(target, [best, _seen(target.knowing(full, curve), full, look, curve, slack)], slack)
    if not target.exact:
        return best
    return finest(target, curve, best.choice.chroma, start=best.choice.quality, slack=SURE if slack else 0.0)


def _lossless(target: Target, candidates: Iterable[Curve], look: Look, coarsest: float) -> list[Found]:
    """Lossless payloads up to a scale; of those of one, which show the same, the smallest."""
    found: dict[int, Found] = {}
    for curve in candidates:
        if curve.quality == (LOSSLESS,) and curve.bpp[0] < FAR * target.bpp and curve.scale <= coarsest:
            try:
                one = finest(target, curve)
            except UnsupportedError:  # its package is not installed: no candidate here
                continue
            if curve.scale not in found or len(one.data) < len(found[curve.scale].data):
                found[curve.scale] = one
    return [replace(one, score=look(one.choice) if target.fits(one) else -1.0) for one in found.values()]


def _seen(target: Target, found: Found, look: Look, curve: Curve, slack: float) -> Found:
    """What a file's picture is worth, and what the table says of the bytes that it has too many or too few, by how much
    the picture lacks of all: in a smooth one bytes change little.
    """
    if not target.fits(found, slack):
        return replace(found, score=-1.0)
    score = look(found.choice)
    if slack:
        known = curve.score(found.choice.quality)
        score += (curve.worth(target.bpp / target.busy) - known) * (1 - score) / max(1 - known, 1e-3)
    return replace(found, score=score)


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

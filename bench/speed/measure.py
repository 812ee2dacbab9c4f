"""`bench speed`: every codec at every size, both ways, until a size would take too long."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.codecs.base import Codec, CodecOptions
from bench.codecs.registry import make
from bench.environment import child_environment, describe, python_command
from bench.errors import CodecError
from bench.photos import Photo, PixelArray
from bench.rates import Unreached, choose
from bench.records import SCHEMA_VERSION
from bench.speed.growth import fit_growth

SIDES = (256, 512, 1024, 2048, 4096, 8192)
RESULTS = "speed.json"
#: Rate at which speed is compared, and the side of the crop on which the setting for it is found.
TARGET, SETTING_SIDE = 0.1, 512
#: A size whose slower direction would take longer than this, by the last size's pace, is left out.
LIMIT_SECONDS = 120.0
_LEAST_TIMEOUT = 300.0
#: Called with (measurements done, in all, what was done last).
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class SpeedPlan:
    """What to time.

    Attributes:
        specs: codecs.
        engines: that ours is timed with, each apart; empty = the one of the options, under the codec's plain name.
        sides: of square pictures in pixels, increasing.
        options: model and device of ours.
        repeats: warm calls, of which the median counts.
        limit_seconds: see `LIMIT_SECONDS`.
        threads: of one process.
    """

    specs: tuple[str, ...]
    engines: tuple[str, ...] = ()
    sides: tuple[int, ...] = SIDES
    options: CodecOptions = field(default_factory=CodecOptions)
    repeats: int = 3
    limit_seconds: float = LIMIT_SECONDS
    threads: int = 1


def time_all(
    plan: SpeedPlan, photo: Photo, skipped: dict[str, str], progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """A record of kind "speed".

    Args:
        plan: what to time.
        photo: from which pictures of every size are made, see `square`.
        skipped: codecs that cannot run here, with the reason.
        progress: told after every codec and size.
    """
    rows, left_out, codecs = [], [], {}
    work = _work(plan)
    total, done = len(work) * len(plan.sides), 0
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        for spec, options, on in work:
            codec = make(spec, options)
            name = codec.name + on
            codecs[name] = dict(codec.describe()) | {"title": f"{codec.title}{on}"}
            setting, last, last_side = setting_for(codec, photo), 0.0, 1
            for side in plan.sides:
                expected = last * (side / last_side) ** 2
                if expected > plan.limit_seconds:
                    left_out.append({"codec": name, "side": side, "reason": f"would take about {expected:.0f} s"})
                else:
                    try:
                        found = _time_one(plan, spec, options, setting, _picture(photo, side, Path(folder)))
                        row = {"codec": name, **found}
                        rows.append(row)
                        last, last_side = max(row["encode"]["warm_seconds"], row["decode"]["warm_seconds"]), side
                    except CodecError as exc:
                        left_out.append({"codec": name, "side": side, "reason": str(exc)})
                done += 1
                progress(done, total, f"{name} {side}")
    return {
        "schema": SCHEMA_VERSION, "kind": "speed", "environments": [describe(plan.options, plan.threads)],
        "codecs": codecs, "skipped": skipped,
        "settings": {
            "repeats": plan.repeats, "limit_seconds": plan.limit_seconds, "device": plan.options.device,
            "dtype": plan.options.dtype, "compile": plan.options.compile,
        },
        "rows": rows, "left_out": left_out, "growth": fit_growth(rows),
    }  # fmt: skip


def _work(plan: SpeedPlan) -> list[tuple[str, CodecOptions, str]]:
    """Codecs and options, and what to add to the codec's name; only ours has engines."""
    work = []
    for spec in plan.specs:
        if plan.engines and make(spec, plan.options).family == "tadm":
            work += [(spec, replace(plan.options, engine=engine), f" on {engine}") for engine in plan.engines]
        else:
            work.append((spec, plan.options, ""))
    return work


def square(pixels: PixelArray, side: int) -> PixelArray:
    """A square cut from the middle of a picture, or the picture mirrored until it is large enough.

    Mirroring keeps content and detail as they are, which enlarging would not.
    """
    for axis in (0, 1):
        length = pixels.shape[axis]
        if length < side:
            there_and_back = np.concatenate([np.arange(length), np.arange(length)[::-1]])
            pixels = pixels.take(np.resize(there_and_back, side), axis=axis)
        else:
            start = (length - side) // 2
            pixels = pixels.take(np.arange(start, start + side), axis=axis)
    return np.ascontiguousarray(pixels)


def setting_for(codec: Codec, photo: Photo) -> int:
    """The setting nearest below 0.1 bpp on a small crop, the coarsest if none is, so that all do comparable work."""
    crop = Photo(photo.name, square(photo.pixels, SETTING_SIDE))
    sizes: dict[int, float] = {}

    def rate(index: int) -> float:
        if index not in sizes:
            sizes[index] = crop.bpp(len(codec.encode(crop, codec.settings[index])))
        return sizes[index]

    chosen = choose("below", rate, len(codec.settings), TARGET)
    return codec.settings[0] if isinstance(chosen, Unreached) else codec.settings[chosen]


def _picture(photo: Photo, side: int, folder: Path) -> Path:
    """File of the square picture of a side, made when it is first needed: the largest takes 200 MB."""
    path = folder / f"{side}.npy"
    if not path.exists():
        np.save(path, square(photo.pixels, side))
    return path


def _time_one(plan: SpeedPlan, spec: str, options: CodecOptions, setting: int, picture: Path) -> dict[str, Any]:
    side = int(picture.stem)
    row: dict[str, Any] = {"side": side, "pixels": side * side, "setting": setting}
    for what in ("encode", "decode"):
        request = {
            "what": what, "codec": spec, "setting": setting, "options": asdict(options), "pixels": str(picture),
            "coded": str(picture.with_name("coded")), "repeats": plan.repeats,
        }  # fmt: skip
        allowed = max(_LEAST_TIMEOUT, 20 * plan.limit_seconds * (plan.repeats + 1))
        command = [*python_command("bench.speed.probe"), json.dumps(request)]
        environment = child_environment(plan.threads)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=environment, timeout=allowed
            )
        except subprocess.TimeoutExpired as exc:
            raise CodecError(f"{spec}: {what} of {side}x{side} took more than {allowed:.0f} s") from exc
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            raise CodecError(f"{spec}: {what} of {side}x{side} ended with {done.returncode} ({' '.join(last)})")
        found = json.loads(done.stdout)
        row["bytes"] = found.pop("bytes")
        found["megapixels_per_second"] = round(side * side / 1e6 / max(found["warm_seconds"], 1e-9), 4)
        row[what] = {k: round(v, 6) if isinstance(v, float) else v for k, v in found.items()}
    return row

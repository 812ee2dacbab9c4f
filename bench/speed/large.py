"""`bench large`: time and memory of the `tadmc` command on large pictures, read and written a few rows at a time."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from matplotlib.figure import Figure

from bench.codecs.base import CodecOptions
from bench.environment import child_environment, describe, python_command, threads_for
from bench.errors import CodecError
from bench.figures.style import canvas
from bench.speed.measure import Progress

RESULTS = "large.json"
SIDES = (1024, 2048, 4096, 8192, 16384)
_MEBIBYTE = 2**20


def measure_large(
    photo: Path, sides: tuple[int, ...], out: Path, *, scale: int = 4, dtype: str = "auto", engine: str = "auto",
    progress: Progress = lambda *_: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Encode and decode a square picture of each side in processes of their own.

    The pictures are made in a temporary folder, removed after each: a side of 32768 needs 7 GB there.

    Args:
        photo: picture that the squares are made of.
        sides: in pixels.
        out: folder for `large.json`, written anew after every side.
        scale: HR/LR ratio.
        dtype: precision of decoding.
        engine: what runs the networks.
        progress: called after every side.

    Returns:
        Per side: bytes of the file, and seconds and peak resident bytes of encoding and decoding, start-up included.

    Raises:
        CodecError: a command failed, or gave back another size.
    """
    out.mkdir(parents=True, exist_ok=True)
    environment = describe(CodecOptions(dtype=dtype, engine=engine), threads_for(1))
    rows: list[dict[str, Any]] = []
    for side in sorted(set(sides)):
        with tempfile.TemporaryDirectory() as work:
            rows.append(_measure(photo, side, scale, (dtype, engine), Path(work)))
        (out / RESULTS).write_text(json.dumps({"environment": environment, "rows": rows}, indent=1) + "\n")
        progress(len(rows), len(set(sides)), f"{side}x{side}")
    return rows


def _make_picture(photo: Path, side: int, out: Path) -> None:
    """A square photograph-like BigTIFF; brightness changes slowly over it, so that no two places are equal."""
    one = pyvips.Image.new_from_file(str(photo))
    pair = one.join(one.fliphor(), "horizontal")
    four = pair.join(pair.flipver(), "vertical").copy_memory()
    tiled = four.replicate(-(-side // four.width), -(-side // four.height)).crop(0, 0, side, side)
    ramp = pyvips.Image.xyz(side, side)
    light = (ramp[0] * (2 * np.pi / 5003)).math("sin") * 0.2 + (ramp[1] * (2 * np.pi / 7001)).math("cos") * 0.2 + 0.8
    (tiled * light).cast("uchar").tiffsave(str(out), bigtiff=True, compression="none")


def _run(*arguments: str) -> dict[str, float]:
    """One command of the codec: seconds from start to end, peak resident memory in bytes."""
    start = time.perf_counter()
    command = python_command("codec", *arguments)
    child = os.posix_spawn(command[0], command, child_environment(threads_for(1)))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise CodecError(f"tadmc {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return {"seconds": time.perf_counter() - start, "peak_bytes": usage.ru_maxrss * 1024}


def _measure(photo: Path, side: int, scale: int, how: tuple[str, str], work: Path) -> dict[str, Any]:
    """Encode and decode one picture."""
    source, coded, out = work / "in.tif", work / "a.tadm", work / "out.tif"
    dtype, engine = how
    _make_picture(photo, side, source)
    encoded = _run("encode", str(source), str(coded), "--scale", str(scale), "--engine", engine, "-q", "-f")
    precise = ["--dtype", dtype, "--engine", engine]
    decoded = _run("decode", str(coded), str(out), "--max-pixels", "0", *precise, "-q", "-f")
    back = pyvips.Image.new_from_file(str(out))
    if (back.width, back.height) != (side, side):
        raise CodecError(f"decoded to {back.width}x{back.height}, expected {side}x{side}")
    return {
        "side": side,
        "scale": scale,
        "dtype": dtype,
        "engine": engine,
        "bytes": coded.stat().st_size,
        "encode": encoded,
        "decode": decoded,
    }


def draw_large(rows: list[dict[str, Any]]) -> Figure:
    """Throughput and peak memory by size."""
    figure, (speed, memory) = canvas(1, 2, width=5.2, height=3.2)
    for what, colour in (("encode", "#1f77b4"), ("decode", "#d62728")):
        sides = [row["side"] for row in rows]
        speed.plot(
            sides, [row["side"] ** 2 / 1e6 / row[what]["seconds"] for row in rows], "o-", color=colour, label=what
        )
        memory.plot(sides, [row[what]["peak_bytes"] / _MEBIBYTE for row in rows], "o-", color=colour, label=what)
    for axis, title in ((speed, "Megapixels a second, start-up included"), (memory, "Peak memory, MiB")):
        axis.set(xscale="log", xlabel="side of a square picture, pixels")
        axis.set_ylim(bottom=0)
        axis.set_xticks([row["side"] for row in rows], [str(row["side"]) for row in rows])
        axis.minorticks_off()
        axis.set_title(title, fontsize=9, loc="left")
        axis.legend()
    return figure

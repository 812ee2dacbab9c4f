"""Time and memory of large pictures: `python tools/measure_large.py PHOTO OUT [--side 4096 --side 32768]`.

Makes square BigTIFFs of mirrored copies of PHOTO under changing light, then runs `tadmc encode` and `tadmc decode` on
each in processes of their own. Writes OUT/large.json and OUT/large.svg. The pictures are made in a temporary folder,
removed at the end; a side of 32768 needs 7 GB there. The machine should do nothing else meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyvips

from bench.codecs.base import CodecOptions
from bench.environment import describe, threads_for
from bench.figures.style import canvas, save

_MEBIBYTE = 2**20


def make_picture(photo: Path, side: int, out: Path) -> None:
    """A square photograph-like BigTIFF; brightness changes slowly over it, so that no two places are equal."""
    one = pyvips.Image.new_from_file(str(photo))
    pair = one.join(one.fliphor(), "horizontal")
    four = pair.join(pair.flipver(), "vertical").copy_memory()
    tiled = four.replicate(-(-side // four.width), -(-side // four.height)).crop(0, 0, side, side)
    ramp = pyvips.Image.xyz(side, side)
    light = (ramp[0] * (2 * np.pi / 5003)).math("sin") * 0.2 + (ramp[1] * (2 * np.pi / 7001)).math("cos") * 0.2 + 0.8
    (tiled * light).cast("uchar").tiffsave(str(out), bigtiff=True, compression="none")


def run(*arguments: str) -> dict[str, float]:
    """One command of the codec: seconds from start to end, peak resident memory in bytes."""
    start = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "codec", *arguments], os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise click.ClickException(f"tadmc {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return {"seconds": time.perf_counter() - start, "peak_bytes": usage.ru_maxrss * 1024}


def measure(photo: Path, side: int, scale: int, dtype: str, work: Path) -> dict[str, Any]:
    """Encode and decode one picture."""
    source, coded, out = work / "in.tif", work / "a.tadm", work / "out.tif"
    make_picture(photo, side, source)
    encoded = run("encode", str(source), str(coded), "--scale", str(scale), "-q", "-f")
    decoded = run("decode", str(coded), str(out), "--max-pixels", "0", "--dtype", dtype, "-q", "-f")
    back = pyvips.Image.new_from_file(str(out))
    if (back.width, back.height) != (side, side):
        raise click.ClickException(f"decoded to {back.width}x{back.height}, expected {side}x{side}")
    return {
        "side": side,
        "scale": scale,
        "dtype": dtype,
        "bytes": coded.stat().st_size,
        "encode": encoded,
        "decode": decoded,
    }


def draw(rows: list[dict[str, Any]], out: Path) -> None:
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
    save(figure, out, "large")


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--side", "sides", type=int, multiple=True, default=(1024, 2048, 4096, 8192, 16384), show_default=True)
@click.option("--scale", default=4, show_default=True)
@click.option("--dtype", default="auto", show_default=True, help="Precision of decoding.")
def main(photo: Path, out: Path, sides: tuple[int, ...], scale: int, dtype: str) -> None:
    """Measure, print and draw."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for side in sorted(sides):
        with tempfile.TemporaryDirectory() as work:
            rows.append(measure(photo, side, scale, dtype, Path(work)))
        click.echo(json.dumps(rows[-1]))
        (out / "large.json").write_text(
            json.dumps({"environment": describe(CodecOptions(), threads_for(1)), "rows": rows}, indent=1) + "\n"
        )
        draw(rows, out)


if __name__ == "__main__":
    main()

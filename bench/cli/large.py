"""`python -m bench large`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import CONSOLE, Bar, out_option, say
from codec.options import ENGINES


@click.command("large")
@click.argument("photo", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@out_option
@click.option(
    "--side", "sides", type=click.IntRange(64), multiple=True, help="In pixels; repeat.  [default: 1024..16384]"
)
@click.option("--scale", type=int, default=4, show_default=True, help="HR/LR ratio.")
@click.option("--dtype", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True)
def large_command(photo: Path, out: Path, *, sides: tuple[int, ...], scale: int, dtype: str, engine: str) -> None:
    """Time and memory of the tadmc command on large square TIFFs of mirrored copies of PHOTO.

    A side of 32768 is a gigapixel and needs 7 GB of temporary files. The machine should do nothing else meanwhile.
    """
    from bench.figures.style import save
    from bench.speed.large import RESULTS, SIDES, draw_large, measure_large

    with Bar("timing") as bar:
        rows = measure_large(photo, sides or SIDES, out, scale=scale, dtype=dtype, engine=engine, progress=bar)
    for row in rows:
        CONSOLE.print(f"{row['side']}x{row['side']}: {row['bytes']} bytes")
        for what in ("encode", "decode"):
            seconds, peak = row[what]["seconds"], row[what]["peak_bytes"] / 2**20
            pace = row["side"] ** 2 / 1e6 / seconds
            CONSOLE.print(f"  {what} {seconds:.2f} s, {pace:.2f} megapixels a second, {peak:.0f} MiB")
    say([out / RESULTS, *save(draw_large(rows), out, "large")])

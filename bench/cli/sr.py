"""`python -m bench sr`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import EXISTING, Bar, device_option, limit_option, out_option, say

_PACKAGE = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("sr")
@click.argument("small", type=EXISTING)
@click.option("--originals", type=EXISTING, help="Folder of the originals, by the same names.")
@out_option
@click.option("--model", "models", type=_PACKAGE, multiple=True, required=True, help="A package of ours; repeat.")
@click.option("--scale", type=click.IntRange(1), default=4, show_default=True)
@click.option("--timestep", type=float, help="One timestep for all.  [default: that of the model's realism]")
@click.option("--keep/--no-keep", default=True, help="Keep the results as PNG below the folder of --out.")
@limit_option
@device_option
def sr_command(
    small: Path, *, originals: Path | None, out: Path, models: tuple[Path, ...], scale: int, timestep: float | None,
    keep: bool, limit: int | None, device: str,
) -> None:  # fmt: skip
    """Super-resolution tables (Table 1 of TADSR, 1 and 2 of TUDSR): enlarge the pictures in SMALL and measure them.

    Measures against the originals where there are any, else those that need none and whose weights are here.
    """
    from bench import sr
    from bench.figures import published, tables

    pictures = sr.pairs(small, originals, limit)
    rows = {}
    with Bar("sr") as bar:
        rows["bicubic"] = sr.run(pictures, sr.bicubic(scale), None, bar)
        for model in models:
            enlarge = sr.restorer(str(model), scale, timestep, device)
            rows[model.name] = sr.run(pictures, enlarge, out / model.name if keep else None, bar)
    against = "" if originals is None else f" against {originals.name}"
    paths = tables.write(sr.table(rows), out, "sr", f"{len(pictures)} pictures of {small.name}, {scale}x{against}.")
    if scale in published.TUDSR_SR:
        caption = (
            f"TUDSR-S, Table {1 if scale == 4 else 2}, as published: other pictures unless yours are of these sets."
        )
        paths += tables.write(published.TUDSR_SR[scale], out, "sr-published", caption)
    say(paths)

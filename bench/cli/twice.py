"""`python -m bench figure`: tables of TUDSR on our packages."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from bench.cli.common import EXISTING, Bar, device_option, limit_option, out_option, say

_PACKAGE = click.Path(path_type=Path, exists=True, file_okay=False)
#: Side of the crops on the sheet.
_SHOWN = 320


@click.command("tudsr-passes")
@click.argument("small", type=EXISTING)
@click.option("--originals", type=EXISTING, help="Folder of the originals, by the same names.")
@out_option
@click.option("--model", required=True, type=_PACKAGE, help="A TUDSR package of two passes.")
@limit_option
@device_option
def passes_command(
    small: Path, *, originals: Path | None, out: Path, model: Path, limit: int | None, device: str
) -> None:
    """TUDSR, Tables 4 and 5: all of the enlargement by one adapter, by the other, or by both in turn.

    The paper trained an adapter for each; here both are those of the package, so that M4 and N4 enlarge by more than
    they were trained for unless it was.
    """
    from bench import sr
    from bench.figures import published, tables
    from bench.figures.sheet import Cell, detailed_crop, sheet
    from bench.figures.tudsr import config_of, enlargers
    from bench.photos import read_photo

    pictures, rows, cells = sr.pairs(small, originals, limit), {}, []
    scale, first = config_of(model).scale, read_photo(pictures[0][0]).pixels
    with Bar("tudsr-passes") as bar:
        for name, enlarge in ({"bicubic": sr.bicubic(scale)} | enlargers(model, device)).items():
            rows[name] = sr.run(pictures, enlarge, out / name, bar)
            made = read_photo(out / name / f"{pictures[0][0].stem}.png").pixels
            x, y, width, height = detailed_crop(sr.bicubic(scale)(first), _SHOWN, _SHOWN)
            crop = np.ascontiguousarray(made[y : y + height, x : x + width])
            cells.append(Cell(name, pictures[0][0].stem, crop))
    paths = tables.write(
        sr.table(rows), out, "tudsr-passes", f"Ours: {model.name}, {len(pictures)} pictures, x{scale}."
    )
    known = published.TUDSR_PASSES.get(scale)
    if known is not None:
        caption = f"TUDSR, Table {4 if scale == 4 else 5}, as published."
        paths += tables.write(known, out, "tudsr-passes-published", caption)
    page = out / "tudsr-passes.png"
    sheet(cells, len(cells)).save(page)
    say([*paths, page])


@click.command("tudsr-time")
@out_option
@click.option("--model", "models", type=_PACKAGE, multiple=True, required=True, help="A TUDSR package; repeat.")
@click.option(
    "--side", "sides", type=click.IntRange(8), multiple=True, help="Of the small picture.  [default: 128, 256]"
)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Warm calls; the median counts.")
@device_option
def time_command(
    *, out: Path, models: tuple[Path, ...], sides: tuple[int, ...], repeats: int, device: str
) -> None:  # fmt: skip
    """TUDSR, Table 3: time by size; weights may be random (`bench stand-in OUT --family tudsr`).

    The paper's four sizes are 128 and 256 by packages of 4x and 8x.
    """
    from bench.figures import published, tables
    from bench.figures.tudsr import FLOOR, SIDES, time_table

    header, rows = time_table(list(models), sides or SIDES, device, repeats)
    rows.append([FLOOR[0], "M2N2", f"{FLOOR[1]:.4f}", "-"])
    paths = tables.write((header, rows), out, "tudsr-time", f"Ours on {device}; the last line is arithmetic alone.")
    say(
        [
            *paths,
            *tables.write(published.TUDSR_TIME, out, "tudsr-time-published", "TUDSR, Table 3, as published (H800)."),
        ]
    )


COMMANDS = (passes_command, time_command)

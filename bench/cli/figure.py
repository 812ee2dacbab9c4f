"""`python -m bench figure`: what is drawn from results; figures that measure first are in `bench.cli.measured`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import measured, papers, twice
from bench.cli.common import EXISTING, FOLDER, Bar, device_option, out_option, say
from bench.errors import BenchError
from bench.metrics.catalog import ALL


@click.group("figure")
def figure_group() -> None:
    """Draw curves from results, or measure and draw a figure or table of the papers on our models.

    rd, fig9, tab3, wins, means and sheet draw what `run` and `speed` have measured; the others run the bench
    themselves, into a folder beside the picture, and go on with it when called again.
    """


@figure_group.command("rd")
@click.argument("results", type=EXISTING)
@out_option
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="A measure to draw; repeat.  [default: up to eight]",
)
@click.option("--codec", "codecs", multiple=True, help="A codec to draw; repeat.  [default: all that have a curve]")
def rd_command(results: Path, out: Path, *, metrics: tuple[str, ...], codecs: tuple[str, ...]) -> None:
    """Rate-distortion curves of a run."""
    from bench.figures.curves import RD_METRICS, draw_curves, in_order
    from bench.figures.style import save

    record = _run_record(results)
    say(save(draw_curves(record, metrics or RD_METRICS, in_order(record, codecs)), out, "rd"))


@figure_group.command("fig9")
@click.argument("results", type=EXISTING)
@out_option
def fig9_command(results: Path, out: Path) -> None:
    """Figure 9 of TADM: R-D curves of ours against JPEG, from a run."""
    from bench.figures.curves import JPEG_METRICS, against_jpeg, draw_curves
    from bench.figures.style import save

    record = _run_record(results)
    say(save(draw_curves(record, JPEG_METRICS, against_jpeg(record)), out, "fig9"))


@figure_group.command("tab3")
@click.argument("results", type=EXISTING)
@out_option
def tab3_command(results: Path, out: Path) -> None:
    """Table 3 of TADM: time and memory at 1024 x 1024, from `bench speed`."""
    from bench import records
    from bench.figures import tables
    from bench.speed.measure import RESULTS

    record = records.read(results / RESULTS if results.is_dir() else results)
    if record["kind"] != "speed":
        raise BenchError(f"{results}: these are results of `run`, not of `speed`")
    where = record["environments"][0]
    caption = f"Time and memory; ours on {where['device']}, CPU {where['cpu']}, {where['threads']} threads."
    say(tables.write(tables.speed(record), out, "tab3", caption))


@figure_group.command("wins")
@click.argument("results", type=EXISTING)
@out_option
@click.option("--anchor", default="avif/2", show_default=True, help="Codec that BD-rates are taken against.")
def wins_command(results: Path, out: Path, *, anchor: str) -> None:
    """Tables of who wins where and of BD-rates, from a run."""
    from bench.figures import tables

    record = _run_record(results)
    photos = f"{len(record['photos']['images'])} photographs of {record['photos']['folder']}"
    caption = f"Best codec by rate and measure among those that reach the rate on all of {photos}."
    paths = tables.write(tables.winners(record), out, "wins", caption)
    against = f"BD-rate against {anchor}, {photos}; photograph by photograph on the range both codecs reach."
    say([*paths, *tables.write(tables.bd_rates(record, anchor), out, "bd", against)])


@figure_group.command("means")
@click.argument("results", type=EXISTING)
@out_option
@click.option(
    "--metric",
    "metrics",
    type=click.Choice(tuple(ALL)),
    multiple=True,
    help="A measure to show; repeat.  [default: all of the run]",
)
def means_command(results: Path, out: Path, *, metrics: tuple[str, ...]) -> None:
    """A table of every codec at every rate, from a run."""
    from bench.figures import tables

    record = _run_record(results)
    having = tuple(m for m in ALL if any(m in line["metrics"] for line in record["summary"]))
    photos = f"{len(record['photos']['images'])} photographs of {record['photos']['folder']}"
    say(tables.write(tables.means(record, metrics or having), out, "means", f"Means over {photos}."))


@figure_group.command("sheet")
@click.argument("run", type=FOLDER)
@out_option
@click.option("--image", required=True, help="Name of the photograph.")
@click.option("--target", type=float, default=0.05, show_default=True, help="Rate of the run.")
@click.option("--codec", "codecs", multiple=True, help="A codec of the run to show; repeat.  [default: all]")
@click.option("--crop", type=int, nargs=4, metavar="X Y W H", help="[default: 256x256 px with the most detail]")
@click.option("--columns", type=click.IntRange(1), default=4, show_default=True)
@click.option("--jpeg", is_flag=True, help="A JPEG at quality 92 instead of a PNG: a quarter of the size.")
@device_option
def sheet_command(
    run: Path, out: Path, *, image: str, target: float, codecs: tuple[str, ...], crop: tuple[int, int, int, int] | None,
    columns: int, jpeg: bool, device: str,
) -> None:  # fmt: skip
    """A comparison sheet: one crop of a run's photograph through every codec at one rate."""
    from bench.figures.sheet import Cell, detailed_crop, sheet
    from bench.report.pictures import Gallery

    with Gallery(run, device) as gallery:
        original = gallery.original(image)
        x, y, width, height = crop or detailed_crop(original, 256, 256)
        cells = [Cell("original", f"{image}, crop at {x}, {y}", original[y : y + height, x : x + width])]
        for row in gallery.rows(image, target, codecs):
            pixels = gallery.decoded(row)[y : y + height, x : x + width]
            psnr = f"{row['bytes']} B, {row['bpp']:.4f} bpp, {row['metrics']['psnr']:.2f} dB"
            cells.append(Cell(gallery.title(row["codec"]), psnr, pixels))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"sheet-{image}-{target:g}.{'jpg' if jpeg else 'png'}"
    page = sheet(cells, columns)
    if jpeg:
        page.save(path, optimize=True, quality=92, subsampling=0)
    else:
        page.save(path, optimize=True)
    say([path])


@figure_group.command("rows")
@click.argument("run", type=FOLDER)
@out_option
@click.option("--target", type=float, default=0.05, show_default=True, help="Rate of the run.")
@click.option("--image", "images", multiple=True, help="A photograph of the run; repeat.  [default: all]")
@click.option("--codec", "codecs", multiple=True, help="A codec of the run to show; repeat.  [default: all]")
@click.option("--side", type=click.IntRange(64), default=256, show_default=True, help="Side of the crops in pixels.")
@device_option
def rows_command(
    run: Path, out: Path, *, target: float, images: tuple[str, ...], codecs: tuple[str, ...], side: int, device: str
) -> None:
    """Picture rows: every photograph of a run through its codecs at one rate, faces first."""
    from bench.figures.rows import picture_rows
    from bench.report.pictures import Gallery

    with Gallery(run, device) as gallery, Bar("rows") as bar:
        page = picture_rows(gallery, list(images) or gallery.images, target, codecs, side, bar)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"rows-{target:g}.jpg"
    page.save(path, quality=92, subsampling=0, optimize=True)
    say([path])


def _run_record(results: Path) -> dict[str, Any]:
    from bench import records

    record = records.read(results)
    if record["kind"] != "run":
        raise BenchError(f"{results}: these are results of `speed`, not of `run`")
    return record


for _command in (*measured.COMMANDS, *papers.COMMANDS, *twice.COMMANDS):
    figure_group.add_command(_command)

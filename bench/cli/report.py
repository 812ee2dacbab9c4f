"""`python -m bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import CONSOLE, FOLDER, Bar, device_option


@click.command("report")
@click.argument("run", type=FOLDER)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="HTML file to write.  [default: RUN/report.html]"
)
@click.option(
    "--image", "images", multiple=True, help="A photograph for the viewer; repeat.  [default: the first three]"
)
@click.option("--target", "targets", type=float, multiple=True, help="A rate of the run for the viewer; repeat.")
@click.option("--lossless", is_flag=True, help="Embed pictures without loss; the file gets several times larger.")
@device_option
def report_command(
    run: Path, *, out: Path | None, images: tuple[str, ...], targets: tuple[float, ...], lossless: bool, device: str
) -> None:
    """Make one HTML file of the run folder RUN: viewer, curves, BD-rates, who wins where.

    It holds everything it shows and asks the network for nothing. Ours is decoded again along the realism dial.
    """
    from bench.report.build import VIEWER_IMAGES, build, default_targets
    from bench.report.pictures import Gallery

    path = out or run / "report.html"
    with Gallery(run, device) as gallery, Bar("report") as bar:
        html = build(
            gallery, list(images) or gallery.images[:VIEWER_IMAGES], list(targets) or default_targets(gallery.record),
            lossless=lossless, progress=bar,
        )  # fmt: skip
    for line in gallery.skipped.values():
        CONSOLE.print(f"not shown: {line}")
    path.write_text(html)
    CONSOLE.print(f"{path}: {len(html) / 1e6:.1f} MB")

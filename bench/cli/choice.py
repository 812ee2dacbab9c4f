"""`python -m bench choice`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import EXISTING, Bar, device_option, limit_option, model_option, out_option, say


@click.command("choice")
@click.argument("photos", type=EXISTING)
@out_option
@click.option("--bpp", "targets", type=float, multiple=True, default=(0.03, 0.08), show_default=True, help="Repeat.")
@model_option
@limit_option
@device_option
def choice_command(
    photos: Path, *, out: Path, targets: tuple[float, ...], model: str | None, limit: int | None, device: str
) -> None:
    """What the encoder's choice of scale and chroma loses against trying everything, an effort (realism 0)."""
    import codec
    from bench import choice
    from bench.figures import tables

    with codec.Engine(model=model, device=device) as engine, Bar("choice") as bar:
        found = choice.run(photos, targets, engine, limit, bar)
    count = len({r.photo for r in found})
    say(tables.write(choice.regret(found), out, "choice", f"{count} photographs of {photos.name}, realism 0."))
    tables.write(choice.everything(found), out, "choice-rows", "Every file.")

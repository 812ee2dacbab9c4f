"""`tadmc verify`."""

from __future__ import annotations

import click

from codec.cli.streams import data_of, max_pixels_option, quiet_option, say
from codec.options import DecodeLimits


@click.command("verify")
@click.argument("source", metavar="INPUT")
@click.option("--model", help="Name or folder of the model package to look into.")
@click.option("--any-model", is_flag=True, help="Do not look for the file's model.")
@max_pixels_option
@quiet_option
def verify_command(source: str, *, model: str | None, any_model: bool, max_pixels: int, quiet: bool) -> None:
    """Check the .tadm file INPUT: container, checksums, LR and alpha payloads, and that its model is here."""
    from codec.api import open as open_file

    limits = DecodeLimits(pixels=max_pixels)
    with open_file(data_of(source, limits.file_bytes), limits=limits, model=model) as file:
        found = file.verify(model=not any_model)
        unknown = "" if file.rebuildable else f" (tile grid preset {file.info.grid} is not known to this version)"
    size = f"{file.info.width}x{file.info.height}"
    say(f"ok: {size}, model {found or 'not looked for'}{unknown}", quiet=quiet)

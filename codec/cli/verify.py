"""`tadmc verify`."""

from __future__ import annotations

import click

from codec.cli.streams import data_of, max_pixels_option, quiet_option, say
from codec.options import DecodeLimits


@click.command("verify")
@click.argument("source", metavar="INPUT")
@click.option("--model", type=click.Path(file_okay=False), help="Folder of the model package to look into.")
@click.option("--any-model", is_flag=True, help="Do not look for the file's model.")
@max_pixels_option
@quiet_option
def verify_command(source: str, *, model: str | None, any_model: bool, max_pixels: int, quiet: bool) -> None:
    """Check the .tadm file INPUT: container, checksums, LR and alpha payloads, and that its model is here."""
    from codec.api import open_file
    from codec.decoder import decode_alpha
    from codec.lowres import LowRes
    from codec.models.library import for_decoding

    limits = DecodeLimits(pixels=max_pixels)
    with open_file(data_of(source, limits.file_bytes), limits) as (file, _):
        lowres = LowRes(file, keep=1)
        for number in range(len(file.payloads)):
            lowres.slab(number)
        decode_alpha(file)
    header = file.header
    found = "not looked for" if any_model else for_decoding(header.model_id, header.scale, model=model).name
    say(f"ok: {header.size.width}x{header.size.height}, model {found}", quiet=quiet)

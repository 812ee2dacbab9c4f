"""`tadmc verify`."""

from __future__ import annotations

import click

from codec.cli.streams import data_of, quiet_option, say
from codec.options import DecodeLimits


@click.command("verify")
@click.argument("source", metavar="INPUT")
@click.option("--any-model", is_flag=True, help="Do not ask for the file's own model.")
@quiet_option
def verify_command(source: str, *, any_model: bool, quiet: bool) -> None:
    """Check the .tadm file INPUT: container, checksums, LR and alpha payloads, and that its model is here."""
    from codec.api import open_file
    from codec.decoder import decode_alpha
    from codec.lowres import LowRes
    from codec.models.library import for_decoding

    with open_file(data_of(source, DecodeLimits().file_bytes)) as (file, _):
        lowres = LowRes(file, keep=1)
        for number in range(len(file.payloads)):
            lowres.slab(number)
        decode_alpha(file)
    package = for_decoding(file.header.model_id, file.header.scale, any_model=any_model)
    say(f"ok: {file.header.size.width}x{file.header.size.height}, model {package.name}", quiet=quiet)

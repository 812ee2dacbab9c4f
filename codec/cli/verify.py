"""`tadmc verify`."""

from __future__ import annotations

import click

from codec.cli.streams import quiet_option, read_input, say
from codec.options import DecodeLimits


@click.command("verify")
@click.argument("source", metavar="INPUT")
@click.option("--any-model", is_flag=True, help="Do not ask for the file's own model.")
@quiet_option
def verify_command(source: str, *, any_model: bool, quiet: bool) -> None:
    """Check the .tadm file INPUT: container, checksums, LR and alpha payloads, and that its model is here."""
    from codec.container.reader import read
    from codec.decoder import decode_alpha, decode_lr
    from codec.models.library import for_decoding

    file = read(read_input(source, DecodeLimits().file_bytes))
    decode_lr(file)
    decode_alpha(file)
    package = for_decoding(file.header.model_id, file.header.scale, any_model=any_model)
    say(f"ok: {file.header.size.width}x{file.header.size.height}, model {package.name}", quiet=quiet)

"""`tadmc thumbnail`."""

from __future__ import annotations

from pathlib import Path

import click

from codec.cli.streams import STANDARD, check_output, data_of, overwrite_option, write_output
from codec.options import DecodeLimits


@click.command("thumbnail")
@click.argument("source", metavar="INPUT")
@click.option(
    "-o",
    "--output",
    "target",
    metavar="OUTPUT",
    default=STANDARD,
    help='.png, .jpg, ...; .avif, .png, .webp or .jxl exports the stored LR itself where it has that form. "-" = PNG.',
)
@overwrite_option
def thumbnail_command(source: str, target: str, *, force: bool) -> None:
    """Write the stored LR picture of the .tadm file INPUT; needs no model and no GPU."""
    check_output(source, target, force=force)
    from codec.api import open_file
    from codec.image.output import format_of, save, to_image
    from codec.lowres import LowRes
    from codec.payload.registry import payload_named

    kind = "PNG" if target == STANDARD else format_of(Path(target).suffix)
    with open_file(data_of(source, DecodeLimits().file_bytes)) as (file, _):
        lr = LowRes(file).whole()
        one = len(file.payloads) == 1 and file.metadata.icc is None
        payload = payload_named(file.header.coding.name.lower())
        if one and kind == payload.file_format:
            data = payload.to_file(file.payloads[0], width=file.slab.width, height=file.slab.height)
            write_output(target, lambda stream: stream.write(data))
        else:
            image = to_image(lr, icc=file.metadata.icc)
            write_output(target, lambda stream: save(image, stream, kind))

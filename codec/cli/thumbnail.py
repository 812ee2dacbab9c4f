"""`tadmc thumbnail`."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click

from codec.cli.streams import STANDARD, check_output, data_of, max_pixels_option, overwrite_option, write_output
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
@click.option("--size", type=click.IntRange(1), help="Shrink it to this longest side; never enlarges.")
@click.option("--format", "ending", help="Write this format, whatever OUTPUT ends in: png, jpg, ...")
@max_pixels_option
@overwrite_option
def thumbnail_command(
    source: str, target: str, *, size: int | None, ending: str | None, max_pixels: int, force: bool
) -> None:
    """Write the stored LR picture of the .tadm file INPUT; needs no model and no GPU."""
    check_output(source, target, force=force)
    from PIL import Image

    from codec.api import open as open_file
    from codec.image.output import format_of, save
    from codec.payload.registry import payload_for

    limits, suffix = DecodeLimits(pixels=max_pixels), ".png" if target == STANDARD else Path(target).suffix.lower()
    if ending is not None:
        suffix = f".{ending.lower().removeprefix('.')}"
    with open_file(data_of(source, limits.file_bytes), limits=limits) as image:
        file = image.container
        payload = payload_for(file.header.coding)
        kind = None if suffix == payload.suffix else format_of(suffix)
        picture = image.thumbnail()  # what does not decode is not exported
        if size is not None and max(picture.size) > size:
            picture.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=None)
            kind = kind or format_of(suffix)
        if kind is None and len(file.payloads) == 1 and file.metadata.icc is None:
            data = payload.to_file(file.payloads[0], width=file.slab.width, height=file.slab.height)
            _write(target, lambda stream: stream.write(data))
        else:
            name = kind or format_of(suffix)
            _write(target, lambda stream: save(picture, stream, name))


def _write(target: str, write: Callable[[IO[bytes]], object]) -> None:
    """Like `write_output`, but an empty file that is there is filled, not replaced: thumbnail services (tumbler) make
    it, keep it open, and would go on looking at the empty one.
    """
    path = Path(target)
    if target == STANDARD or not path.is_file() or path.stat().st_size:
        write_output(target, write)
        return
    made = io.BytesIO()
    write(made)
    path.write_bytes(made.getvalue())

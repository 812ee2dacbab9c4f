"""`tadmc info`."""

from __future__ import annotations

import dataclasses
import json

import click

from codec.cli.streams import data_of, max_pixels_option
from codec.options import DecodeLimits


@click.command("info")
@click.argument("source", metavar="INPUT")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@max_pixels_option
def info_command(source: str, *, as_json: bool, max_pixels: int) -> None:
    """Say what the .tadm file INPUT holds, without decoding it."""
    from codec.decoding.info import read_info

    limits = DecodeLimits(pixels=max_pixels)
    info = dataclasses.asdict(read_info(data_of(source, limits.file_bytes), limits=limits))
    if as_json:
        click.echo(json.dumps(info))
        return
    width = max(len(k) for k in info)
    for key, value in info.items():
        shown = f"{value:.5f}" if isinstance(value, float) else ", ".join(value) if isinstance(value, tuple) else value
        click.echo(f"{key:<{width}}  {shown}")

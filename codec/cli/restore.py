"""`tadmc restore`."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from codec.cli.streams import (
    STANDARD,
    check_output,
    data_of,
    engine_option,
    no_mark_option,
    overwrite_option,
    quiet_option,
    say,
    write_output,
)
from codec.options import MAX_TIMESTEP, DecodeOptions


@click.command("restore")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--scale", type=click.IntRange(1, 255), help="How much larger.  [default: 4, or the model's own]")
@click.option("--realism", type=click.FloatRange(0, 1), help="0 = nothing invented .. 1 = full texture.")
@click.option("--timestep", type=click.FloatRange(0, MAX_TIMESTEP), help="One timestep for every tile.")
@click.option("--passes", type=click.IntRange(1, 2), help="1 = only the first pass of a model of two (tudsr).")
@click.option(
    "--quality", type=click.IntRange(0, 100), default=100, show_default=True,
    help="What compact models are told of the picture: an AV1 quality of ours, 100 = not coded lossily.",
)  # fmt: skip
@click.option("--model", help="Name or folder of the model package.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@engine_option
@no_mark_option
@overwrite_option
@quiet_option
def restore_command(
    source: str, target: str, *, scale: int | None, realism: float | None, timestep: float | None, passes: int | None,
    quality: int, model: str | None, device: str, engine: str, no_mark: bool, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Enlarge the picture INPUT, which is no .tadm file, as OUTPUT: the decoder alone, on any picture."""
    from codec.api import restore
    from codec.engine import Engine
    from codec.image.output import format_of, save
    from codec.options import DecodeLimits

    options = DecodeOptions(realism=realism, fixed_timestep=timestep, passes=passes, mark=not no_mark)
    check_output(source, target, force=force)
    kind = "PNG" if target == STANDARD else format_of(Path(target).suffix)
    data = data_of(source, DecodeLimits().file_bytes)
    with Engine(model=model, device=device, engine=engine) as used:
        made = restore(data, scale=scale, options=options, quality=quality, engine=used)

    notes: list[str] = []

    def write(stream: IO[bytes]) -> None:
        notes.extend(save(made, stream, kind))

    write_output(target, write)
    for note in notes:
        say(f"tadmc: {note}", quiet=quiet)

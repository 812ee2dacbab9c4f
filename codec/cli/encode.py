"""`tadmc encode`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from codec.cli.streams import check_output, data_of, engine_option, overwrite_option, quiet_option, say, write_output
from codec.codings import PAYLOADS
from codec.errors import InputError
from codec.options import CHROMA, EFFORTS, SCALES, STRIP, EncodeOptions


@click.command("encode")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option(
    "--profile",
    type=click.Choice(["default", "tadm"]),
    default="default",
    show_default=True,
    help="Starting settings; tadm is the papers' form: scale 16, lossless PNG.",
)
@click.option(
    "--scale",
    type=click.IntRange(1, 255),
    help=f"HR/LR ratio: {', '.join(map(str, SCALES))}, as far as the model has them.  [default: chosen]",
)
@click.option("--payload", type=click.Choice(PAYLOADS), help="How the LR is coded.  [default: av1]")
@click.option(
    "--quality",
    type=click.IntRange(0, 99),
    help="Larger is finer and bigger; av1 only.  [default: 48 at scale 4, or the bytes of that]",
)
@click.option("--bpp", type=float, help="At most so many bits a pixel: scale, payload and quality are chosen.")
@click.option("--max-bytes", type=click.IntRange(1), help="At most so many bytes: likewise.")
@click.option(
    "--effort",
    type=click.Choice(EFFORTS),
    help="Time spent on coding and on choosing what is not given; fast takes it from a table.  [default: default]",
)
@click.option("--chroma", type=click.Choice(CHROMA), help="Resolution of colour in the LR; av1 only.  [default: auto]")
@click.option(
    "--strip",
    type=click.Choice(STRIP),
    help="Drop EXIF and XMP, or what can tell the place.  [default: none]",
)
@click.option("--alpha-quality", type=click.IntRange(0, 99), help="Code alpha lossily.  [default: lossless]")
@click.option("--model", help="Name or folder of the model package to encode for.")
@click.option("--device", default="auto", show_default=True, help="Where a large model writes the LR: cpu, cuda, ...")
@engine_option
@click.option("--json", "as_json", is_flag=True, help="Say what was done as one JSON object on standard error.")
@overwrite_option
@quiet_option
def encode_command(
    source: str, target: str, *, profile: str, scale: int | None, payload: str | None, quality: int | None,
    bpp: float | None, max_bytes: int | None, effort: str | None, chroma: str | None, strip: str | None,
    alpha_quality: int | None, model: str | None, device: str, engine: str, as_json: bool, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Encode the picture INPUT into the .tadm file OUTPUT.

    INPUT is anything Pillow reads; gray, palette, alpha, CMYK and 16-bit gray are handled.
    """
    given: dict[str, Any] = {
        "scale": scale, "payload": payload, "quality": quality, "bpp": bpp,
        "max_bytes": max_bytes, "effort": effort, "chroma": chroma, "strip": strip,
        "alpha_quality": alpha_quality,
    }  # fmt: skip
    try:
        profiled = EncodeOptions.profile(profile)
        options = dataclasses.replace(profiled, **{k: v for k, v in given.items() if v is not None})
    except InputError as exc:
        raise click.UsageError(str(exc)) from exc
    check_output(source, target, force=force)
    picture = data_of(source)

    from codec.encoding.encoder import encode
    from codec.engine import Engine

    with Engine(model=model, device=device, engine=engine) as used:
        made = encode(picture, options, used)
    write_output(target, lambda stream: stream.write(made.data))
    size, length, chosen = made.size, len(made.data), made.options
    bpp = 8 * length / size.pixels
    if as_json:
        report = {"bytes": length, "bpp": bpp, "options": dataclasses.asdict(chosen), "notes": made.notes}
        click.echo(json.dumps(report), err=True)
        return
    for note in made.notes:
        say(f"tadmc: {note}", quiet=quiet)
    coded = "lossless" if chosen.quality is None else f"quality {chosen.quality}"
    say(f"{size.width}x{size.height} -> {length} bytes, {bpp:.4f} bpp "
        f"(scale {chosen.scale}, {chosen.payload}, {coded})", quiet=quiet)  # fmt: skip

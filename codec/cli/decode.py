"""`tadmc decode`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codec.cli.streams import (
    STANDARD,
    check_output,
    data_of,
    engine_option,
    max_pixels_option,
    no_mark_option,
    overwrite_option,
    quiet_option,
    say,
    write_output,
)
from codec.errors import InputError
from codec.options import MAX_TIMESTEP, DecodeLimits, DecodeOptions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.progress import Progress


_PEM = click.Path(exists=True, dir_okay=False)


class _Region(click.ParamType):  # type: ignore[type-arg] # generic only in newer versions
    """Four whole numbers."""

    name = "x,y,width,height"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        # int() would take digits of other scripts and underscores too
        if not re.fullmatch(r"\s*-?[0-9]+\s*(,\s*-?[0-9]+\s*){3}", value, re.ASCII):
            self.fail(f"{value!r} is not four whole numbers with commas between them", param, ctx)
        return tuple(int(v) for v in value.split(","))


@click.command("decode")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--region", type=_Region(), help="Decode only X,Y,WIDTH,HEIGHT, the same pixels as in the whole.")
@click.option(
    "--realism",
    type=click.FloatRange(0, 1),
    help="0 = regression, nothing invented; 1 = full texture.  [default: what the model recommends]",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the invented texture."
)
@click.option("--t-map", type=click.Path(dir_okay=False), help="Also write the timestep of every tile as a gray PNG.")
@click.option(
    "--timestep", type=click.FloatRange(0, MAX_TIMESTEP), help="One timestep for every tile instead of predicted ones."
)
@click.option("--passes", type=click.IntRange(1, 2), help="1 = only the first pass of a model of two (tudsr).")
@click.option("--no-denoise", is_flag=True, help="Show the rescaler's output without the denoising step.")
@click.option("--model", help="Name or folder of the model package to decode with.")
@click.option(
    "--any-model", is_flag=True, help="Decode with another model of the same scale if the file's is not here."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@engine_option
@click.option("--dtype", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@click.option("--max-vram", type=click.FloatRange(0.1), metavar="GIB", help="GPU memory to use at most.")
@click.option("--compile", "compiled", is_flag=True, help="Compile large networks (sd21) first, then run faster.")
@no_mark_option
@click.option(
    "--c2pa",
    "sign",
    type=(_PEM, _PEM),
    metavar="CERTIFICATE KEY",
    help="Sign OUTPUT: a C2PA manifest, by this certificate chain and private key (PEM).",
)
@max_pixels_option
@overwrite_option
@quiet_option
def decode_command(
    source: str, target: str, *, region: tuple[int, int, int, int] | None, realism: float | None, seed: int,
    t_map: str | None, timestep: float | None, passes: int | None, no_denoise: bool, model: str | None,
    any_model: bool, device: str, engine: str, dtype: str, max_vram: float | None, compiled: bool, no_mark: bool,
    sign: tuple[str, str] | None, max_pixels: int, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Rebuild the photograph of the .tadm file INPUT as OUTPUT (.png, .jpg, .webp, .tif, .avif; "-" writes PNG)."""
    options = DecodeOptions(
        realism=realism, seed=seed, denoise=not no_denoise, fixed_timestep=timestep, passes=passes, mark=not no_mark
    )
    check_output(source, target, force=force)
    if t_map is not None:
        if t_map == target:
            raise InputError("the timestep map and OUTPUT are the same file")
        check_output(source, t_map, force=force)
    if target != STANDARD and Path(target).suffix.lower() != ".zarr":
        from codec.image.output import format_of

        format_of(Path(target).suffix)  # refused before any work is done
    from codec.api import open as open_file
    from codec.engine import Engine

    limits = DecodeLimits(pixels=max_pixels)
    with (
        Engine(
            device=device, dtype=dtype, max_vram=max_vram, compile=compiled, model=model, any_model=any_model,
            engine=engine,
        ) as used,
        open_file(data_of(source, limits.file_bytes), limits=limits, engine=used) as file,
        _progress(quiet=quiet) as advance,
    ):  # fmt: skip
        out = sys.stdout.buffer if target == STANDARD else target
        done = file.save(out, region=region, options=options, sign=sign, overwrite=force, on_progress=advance)
    for note in done.notes:
        say(f"tadmc: {note}", quiet=quiet)
    if t_map is not None:
        _write_t_map(t_map, done.timesteps)


def _write_t_map(target: str, timesteps: npt.NDArray[np.float32]) -> None:
    """One gray level a tile: t' = 255 (t - 10) / 190, as the container stores timesteps."""
    import numpy as np
    from PIL import Image

    levels = np.clip(np.round(255 * (timesteps - 10) / 190), 0, 255).astype(np.uint8)
    write_output(target, lambda stream: Image.fromarray(levels).save(stream, "PNG"))


class _progress:  # noqa: N801 - reads as a statement where it is used
    """A bar on standard error, only on a terminal and only if there is more than one piece."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> _progress:
        self._bar: Progress | None = None
        return self

    def __call__(self, done: int, total: int) -> None:
        if not self._shown or total < 2:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("decoding", total=total)
        self._bar.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

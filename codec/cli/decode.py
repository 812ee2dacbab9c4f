"""`tadmc decode`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codec.cli.streams import (
    STANDARD,
    check_output,
    data_of,
    max_pixels_option,
    overwrite_option,
    quiet_option,
    say,
    write_output,
    write_path,
)
from codec.errors import InputError
from codec.options import DecodeLimits, DecodeOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from rich.progress import Progress

    from codec.container.model import TadmFile
    from codec.geometry import Box


class _Region(click.ParamType):  # type: ignore[type-arg] # generic only in newer versions
    """Four whole numbers."""

    name = "x,y,width,height"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        try:
            numbers = tuple(int(v) for v in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != 4:
            self.fail(f"{value!r} is not four whole numbers with commas between them", param, ctx)
        return numbers


@click.command("decode")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--region", type=_Region(), help="Decode only X,Y,WIDTH,HEIGHT, the same pixels as in the whole.")
@click.option(
    "--realism",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="0 = regression, nothing invented; 1 = full texture.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the invented texture."
)
@click.option("--t-map", type=click.Path(dir_okay=False), help="Also write the timestep of every tile as a gray PNG.")
@click.option(
    "--timestep", type=click.FloatRange(0, 200), help="One timestep for every tile instead of predicted ones."
)
@click.option("--no-denoise", is_flag=True, help="Show the rescaler's output without the denoising step.")
@click.option("--model", help="Name or folder of the model package to decode with.")
@click.option(
    "--any-model", is_flag=True, help="Decode with another model of the same scale if the file's is not here."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@click.option("--max-vram", type=click.FloatRange(0.1), metavar="GIB", help="GPU memory to use at most.")
@click.option("--compile", "compiled", is_flag=True, help="Compile large networks (sd21) first, then run faster.")
@max_pixels_option
@overwrite_option
@quiet_option
def decode_command(
    source: str, target: str, *, region: tuple[int, int, int, int] | None, realism: float, seed: int,
    t_map: str | None, timestep: float | None, no_denoise: bool, model: str | None, any_model: bool, device: str,
    dtype: str, max_vram: float | None, compiled: bool, max_pixels: int, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Rebuild the photograph of the .tadm file INPUT as OUTPUT (.png, .jpg, .webp, .tif, .avif; "-" writes PNG)."""
    options = DecodeOptions(
        realism=realism, seed=seed, denoise=not no_denoise, fixed_timestep=timestep, device=device, dtype=dtype,
        any_model=any_model, model=model, max_vram=max_vram, compile=compiled,
    )  # fmt: skip
    check_output(source, target, force=force)
    if t_map is not None:
        if t_map == target:
            raise InputError("--t-map and OUTPUT are the same file")
        check_output(source, t_map, force=force)
    from codec.api import box_of, open_file
    from codec.image.output import check_can_hold, format_of, save, to_image

    suffix = Path(target).suffix.lower()
    kind = "PNG" if target == STANDARD else "" if suffix == ".zarr" else format_of(suffix)
    limits = DecodeLimits(pixels=max_pixels)
    with open_file(data_of(source, limits.file_bytes), limits) as (file, _), _progress(quiet=quiet) as advance:
        from codec.decoder import check_region, decode
        from codec.geometry import ROWS_OUT_PIXELS
        from codec.image.row_writers import can_write_rows

        area = check_region(None if region is None else box_of(region), file.header.size)
        large = area.width * area.height > ROWS_OUT_PIXELS and target != STANDARD and can_write_rows(suffix)
        check_can_hold(kind or "zarr", area.width, area.height, alpha=file.alpha is not None)
        if suffix == ".zarr" or (large and file.alpha is None):
            timesteps, lost = _stream(file, options, area, target, advance)
            for note in lost:
                say(f"tadmc: {note}", quiet=quiet)
        else:
            result = decode(file, options, region=area, on_progress=advance)
            timesteps, meta = result.timesteps, file.metadata
            image = to_image(result.pixels, alpha=result.alpha, icc=meta.icc, exif=meta.exif, xmp=meta.xmp)
            write_output(target, lambda stream: save(image, stream, kind))
    if t_map is not None:
        _write_t_map(t_map, timesteps)


def _stream(
    file: TadmFile, options: DecodeOptions, area: Box, target: str, advance: Callable[[int, int], None]
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Decode block by block into a file that is written row by row; memory does not grow with its height.

    Returns:
        The timesteps, and what the format could not hold.
    """
    from codec.decoder import decode_pieces, load_family
    from codec.geometry import Size
    from codec.image.row_writers import RowFile, write_rows
    from codec.rebuild.pieces import Timesteps, rows_of

    family = load_family(file, options)
    timesteps = Timesteps(area, family.tile)
    pieces = timesteps.watch(decode_pieces(file, family, options, area, streamed=True, on_progress=advance))
    size, suffix, meta = Size(area.width, area.height), Path(target).suffix.lower(), file.metadata
    lost: tuple[str, ...] = ()

    def write(path: Path) -> None:
        nonlocal lost
        made = RowFile(path=path, suffix=suffix, size=size, icc=meta.icc, exif=meta.exif, xmp=meta.xmp)
        lost = write_rows(made, rows_of(pieces, area))

    write_path(target, write)
    return timesteps.map, lost


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

"""A rebuilt photograph into a picture file: whole, or row by row where it is large."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from codec.arrays import FloatArray, Progress
from codec.errors import InputError
from codec.files import whole_path, write_file
from codec.geometry import ROWS_OUT_PIXELS, Box, Size
from codec.image.output import check_can_hold, format_of, save, to_image
from codec.image.rows_out import RowFile, can_write_rows, write_rows
from codec.options import DecodeOptions

if TYPE_CHECKING:
    from codec.decoding.image import TadmImage


@dataclass(frozen=True)
class Saved:
    """What saving a rebuilt photograph did.

    Attributes:
        timesteps: one timestep a tile, float32 [rows, columns].
        notes: what the written file could not hold, in words.
    """

    timesteps: FloatArray
    notes: tuple[str, ...]


def save_rebuilt(
    image: TadmImage, target: str | Path | IO[bytes], kind: str | None, area: Box, options: DecodeOptions, *,
    overwrite: bool, on_progress: Progress,
) -> Saved:  # fmt: skip
    """See `codec.decoding.image.TadmImage.save`."""
    if not isinstance(target, str | Path):
        kind = kind or "PNG"
        check_can_hold(kind, area.width, area.height, alpha=image.info.alpha)
        return _whole(image, target, kind, area, options, on_progress)
    path = Path(target)
    suffix = path.suffix.lower()
    kind = "zarr" if suffix == ".zarr" else kind or format_of(suffix)
    check_can_hold(kind, area.width, area.height, alpha=image.info.alpha)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists")
    large = area.width * area.height > ROWS_OUT_PIXELS and can_write_rows(suffix)
    if suffix == ".zarr" or (large and not image.info.alpha):
        return _by_rows(image, path, suffix, area, options, on_progress)
    done: list[Saved] = []
    write_file(path, lambda stream: done.append(_whole(image, stream, kind, area, options, on_progress)))
    return done[0]


def _whole(
    image: TadmImage, target: IO[bytes], kind: str, area: Box, options: DecodeOptions, on_progress: Progress
) -> Saved:  # fmt: skip
    made, metadata = image.rebuild(area, options, on_progress), image.metadata()
    lost = save(to_image(made.pixels, made.alpha, metadata), target, kind)
    return Saved(made.timesteps, (*metadata.notes, *lost))


def _by_rows(
    image: TadmImage, path: Path, suffix: str, area: Box, options: DecodeOptions, on_progress: Progress
) -> Saved:  # fmt: skip
    rows, timesteps = image.rows(options, area, on_progress)
    metadata = image.metadata()
    with whole_path(path) as made:
        file = RowFile(path=made, suffix=suffix, size=Size(area.width, area.height), metadata=metadata)
        lost = write_rows(file, rows)
    return Saved(timesteps.map, (*metadata.notes, *lost))

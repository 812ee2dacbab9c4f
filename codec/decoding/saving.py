"""A rebuilt photograph into a picture file: whole, or row by row where it is large."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from codec.arrays import FloatArray, Progress
from codec.errors import InputError
from codec.files import whole_path, write_file
from codec.geometry import ROWS_OUT_PIXELS, Box, Size
from codec.image.credentials import Signature, Signer
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
    sign: Signature | None = None, overwrite: bool, on_progress: Progress,
) -> Saved:  # fmt: skip
    """See `codec.decoding.image.TadmImage.save`."""
    if not isinstance(target, str | Path):
        kind = kind or "PNG"
        check_can_hold(kind, area.width, area.height, alpha=image.info.alpha)
        signer = None if sign is None else Signer(sign, kind)
        return _whole(image, target, kind, area, options, on_progress, signer)
    path = Path(target)
    suffix = path.suffix.lower()
    kind = "zarr" if suffix == ".zarr" else kind or format_of(suffix)
    check_can_hold(kind, area.width, area.height, alpha=image.info.alpha)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists")
    signer = None if sign is None else Signer(sign, kind)
    large = area.width * area.height > ROWS_OUT_PIXELS and can_write_rows(suffix)
    if suffix == ".zarr" or (large and not image.info.alpha):
        return _by_rows(image, path, suffix, area, options, on_progress, signer)
    done: list[Saved] = []
    write_file(path, lambda stream: done.append(_whole(image, stream, kind, area, options, on_progress, signer)))
    return done[0]


def _whole(
    image: TadmImage, target: IO[bytes], kind: str, area: Box, options: DecodeOptions, on_progress: Progress,
    signer: Signer | None,
) -> Saved:  # fmt: skip
    made, metadata = image.rebuild(area, options, on_progress), image.metadata(options)
    picture = to_image(made.pixels, made.alpha, metadata)
    if signer is None:
        lost = save(picture, target, kind)
    else:
        unsigned = io.BytesIO()
        lost = save(picture, unsigned, kind)
        signer.sign(unsigned, target, image.mark(options))
    return Saved(made.timesteps, (*metadata.notes, *lost))


def _by_rows(
    image: TadmImage, path: Path, suffix: str, area: Box, options: DecodeOptions, on_progress: Progress,
    signer: Signer | None,
) -> Saved:  # fmt: skip
    rows, timesteps = image.rows(options, area, on_progress)
    metadata = image.metadata(options)
    with whole_path(path) as made:
        unsigned = made if signer is None else made.with_name(f"unsigned{suffix}")
        file = RowFile(path=unsigned, suffix=suffix, size=Size(area.width, area.height), metadata=metadata)
        lost = write_rows(file, rows)
        if signer is not None:
            with unsigned.open("rb") as source, made.open("w+b") as signed:
                signer.sign(source, signed, image.mark(options))
    return Saved(timesteps.map, (*metadata.notes, *lost))

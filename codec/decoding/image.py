"""An opened file: the LR at once, the photograph or a region of it when asked for."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import numpy as np

from codec.arrays import FloatArray, PixelArray, Progress, no_progress, place
from codec.container.file import TadmFile
from codec.decoding.alpha import alpha_of
from codec.decoding.info import Info
from codec.decoding.making import mark_of, with_realism
from codec.decoding.opening import Data, parse
from codec.decoding.saving import Saved, save_rebuilt
from codec.engine import Engine
from codec.errors import InputError
from codec.geometry import Box, Size
from codec.image.metadata import Carried, carried
from codec.image.provenance import Mark, marked
from codec.lr import StoredLr
from codec.models.family import Recipe, Restorer, timestep_map
from codec.models.package import Package
from codec.models.registry import family_of_preset
from codec.options import DecodeLimits, DecodeOptions, whole
from codec.tiling.pieces import Piece, Timesteps, rows_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from codec.image.credentials import Signature

#: x, y, width, height in HR pixels.
Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class Rebuilt:
    """A rebuilt photograph or region of one.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], None = opaque.
        timesteps: timestep a tile before realism, float32 [rows, columns]; see `codec.tiling.pieces.Timesteps`.
    """

    pixels: PixelArray
    alpha: PixelArray | None
    timesteps: FloatArray


class TadmImage:
    """A `.tadm` file, parsed once. Its model is found when the first pixel is asked for, and LR slabs are decoded once.

    May be used from several threads.

        with codec.open("photo.tadm") as f:
            f.info.width, f.info.bpp
            f.thumbnail().show()
            f.decode(region=(0, 0, 512, 512), realism=0).save("corner.png")
            f.save("photo.tif")

    Attributes:
        info: what the file says of itself.
    """

    def __init__(self, data: Data, *, engine: Engine, limits: DecodeLimits | None = None) -> None:
        """Open it; see `codec.open`."""
        parsed = parse(data, limits)
        self._file, self._held = parsed.file, parsed.held
        self.info = Info.of(parsed.file, parsed.length)
        self._engine, self._lr = engine, StoredLr(parsed.file)
        self._package: Package | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> TadmImage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; nothing that is not yet read can be had afterwards."""
        self._held.close()

    @property
    def container(self) -> TadmFile:
        """The parsed container, for tools that look inside."""
        return self._file

    def thumbnail(self) -> Image:
        """The stored LR picture, as anyone can see it: no model, no GPU.

        Raises:
            FormatError: the payload is broken.
            UnsupportedError: its coding is not known, or a package that reads it is not installed.
        """
        from codec.image.output import to_image

        return to_image(self._lr.whole(), metadata=Carried(icc=self._file.metadata.icc))

    def decode(
        self, *, region: Region | None = None, options: DecodeOptions | None = None, realism: float | None = None,
        seed: int | None = None, denoise: bool | None = None, fixed_timestep: float | None = None,
        passes: int | None = None, mark: bool | None = None, on_progress: Progress = no_progress,
    ) -> Image:  # fmt: skip
        """Rebuild the photograph; see `codec.decode`."""
        from codec.image.output import to_image

        wanted = decode_options(options, realism, seed, denoise, fixed_timestep, passes, mark)
        made, metadata = self.rebuild(self.area(region), wanted, on_progress), self.metadata(wanted)
        for note in metadata.notes:
            warnings.warn(note, stacklevel=2)
        image = to_image(made.pixels, made.alpha, metadata)
        # a tuple, since Pillow compares what stands in `info`
        image.info["timesteps"] = tuple(map(tuple, made.timesteps.tolist()))
        return image

    def save(
        self, target: str | Path | IO[bytes], *, format: str | None = None, region: Region | None = None,
        options: DecodeOptions | None = None, realism: float | None = None, seed: int | None = None,
        denoise: bool | None = None, fixed_timestep: float | None = None, passes: int | None = None,
        mark: bool | None = None, sign: Signature | None = None, overwrite: bool = False,
        on_progress: Progress = no_progress,
    ) -> Saved:  # fmt: skip
        """Rebuild the photograph into a picture file, with its metadata.

        A picture of more than 17 megapixels is written row by row where the format allows (.png, .tif, .zarr): memory
        does not grow with its height.

        Args:
            target: path; the ending names the format (.png, .jpg, .webp, .tif, .avif, .zarr). Or a binary file object.
            format: Pillow's name of the format, for a file object; default PNG.
            region: x, y, width, height in HR pixels; None = everything.
            options: a `DecodeOptions`; None = the defaults.
            realism: 0..1; this and what follows in place of those of `options`.
            seed: of the specified noise.
            denoise: False shows the rescaler's own output.
            fixed_timestep: one timestep for every tile.
            passes: 1 = only the first pass of a model that has two.
            mark: False leaves the picture's XMP as it is; see `codec.options.DecodeOptions`.
            sign: paths of a certificate chain and its private key, both PEM: the file gets a signed C2PA manifest that
                says the same (.png, .jpg, .webp, .tif, .avif; needs the extra `c2pa`).
            overwrite: whether a file that is there is replaced; it is only when the new one is complete.
            on_progress: called with (pieces done, pieces in all).

        Raises:
            InputError: an option has a wrong value, the file is there already, or the format cannot hold the picture.
            FormatError, ModelError, UnsupportedError, OSError: as `codec.decode`.
        """
        wanted = decode_options(options, realism, seed, denoise, fixed_timestep, passes, mark)
        return save_rebuilt(
            self, target, format, self.area(region), wanted, sign=sign, overwrite=overwrite, on_progress=on_progress
        )

    def verify(self, *, model: bool = True) -> str | None:
        """Decode every slab of LR and alpha, and look for the model.

        Args:
            model: False = do not look for it.

        Returns:
            Name of the model package; None where it was not looked for, or where the file's tile grid preset is one
            that this version does not know.

        Raises:
            FormatError, UnsupportedError: a payload is broken, or cannot be read here.
            ModelError: the model is not here.
        """
        lr = StoredLr(self._file, kept_bytes=0)
        for number in range(len(self._file.payloads)):
            lr.slab(number)
        alpha_of(self._file, self.area(None))
        if not model or not self.rebuildable:
            return None
        return self._found().name

    @property
    def rebuildable(self) -> bool:
        """Whether this version knows the file's tile grid preset; otherwise only the LR can be had."""
        from codec.models.registry import families

        return any(family.preset == self._file.header.grid for family in families())

    def area(self, region: Region | None) -> Box:
        """A region as a rectangle, or the whole picture.

        Raises:
            InputError: these are not four whole numbers, or the region is empty or runs over the picture.
        """
        size = self._file.header.size
        if region is None:
            return Box(0, 0, size.width, size.height)
        try:
            box = Box(*(whole("region", value) for value in region))
        except (TypeError, InputError) as exc:  # not iterable, not four, or not whole numbers
            raise InputError(f"region is {region!r}, expected four whole numbers: x, y, width, height") from exc
        fits = 0 <= box.x < box.x + box.width <= size.width
        if not (fits and 0 <= box.y < box.y + box.height <= size.height):
            shown = f"{box.x},{box.y},{box.width},{box.height}"
            raise InputError(f"region {shown} is not inside the picture of {size.width}x{size.height}")
        return box

    def rows(
        self, options: DecodeOptions, area: Box, on_progress: Progress
    ) -> tuple[Iterator[PixelArray], Timesteps]:  # fmt: skip
        """Whole rows of an area as they become complete, uint8 [n, area.width, 3], and the timesteps collected."""
        pieces, timesteps = self._watched(options, area, streamed=True, on_progress=on_progress)
        return rows_of(pieces, area), timesteps

    def rebuild(self, area: Box, options: DecodeOptions, on_progress: Progress = no_progress) -> Rebuilt:
        """The pixels of an area.

        Raises:
            FormatError, ModelError, UnsupportedError, InputError: as `codec.decode`.
        """
        alpha = alpha_of(self._file, area)
        out = np.empty((area.height, area.width, 3), np.uint8)
        pieces, timesteps = self._watched(options, area, streamed=False, on_progress=on_progress)
        for piece in pieces:
            place(out, piece.pixels, piece.box.x - area.x, piece.box.y - area.y)
        return Rebuilt(pixels=out, alpha=alpha, timesteps=timesteps.map)

    def metadata(self, options: DecodeOptions | None = None) -> Carried:
        """What of the file's metadata can be handed on; with options, that of a picture rebuilt so, with its mark.

        Raises:
            ModelError: a mark is asked for, and the model is not here.
        """
        meta = self._file.metadata
        kept = carried(meta.icc, meta.exif, meta.xmp)
        return kept if options is None or not options.mark else marked(kept, self.mark(options))

    def mark(self, options: DecodeOptions) -> Mark:
        """What a picture that is rebuilt so has to say of its making.

        Raises:
            ModelError: the model is not here.
        """
        return mark_of(self._found(), self._file.header.scale, options)

    def _watched(
        self, options: DecodeOptions, area: Box, *, streamed: bool, on_progress: Progress
    ) -> tuple[Iterator[Piece], Timesteps]:
        restorer, recipe = self._restorer(), self._recipe(options)
        timesteps = Timesteps(area, restorer.timestep_tile)
        pieces = restorer.pieces(self._lr, recipe, area, streamed=streamed, on_progress=on_progress)
        return timesteps.watch(pieces), timesteps

    def _recipe(self, options: DecodeOptions) -> Recipe:
        header, package = self._file.header, self._found()
        options = with_realism(package, options)
        stored = self._file.timesteps
        size = Size(header.size.width, header.size.height)
        family = family_of_preset(header.grid)
        levels = None if stored is None else timestep_map(family, size, stored)
        if package.family is not family:  # a stand-in has tiles of its own
            levels = None
        return Recipe(size=size, quality=header.quality, options=options, timesteps=levels)

    def _restorer(self) -> Restorer:
        return self._engine.restorer(self._found(), self._file.header.scale)

    def _found(self) -> Package:
        """The package that the file asks for, looked for once."""
        family_of_preset(self._file.header.grid)
        with self._lock:
            if self._package is None:
                self._package = self._engine.package_for(self._file.header)
            return self._package


def decode_options(
    options: DecodeOptions | None, realism: float | None, seed: int | None, denoise: bool | None,
    fixed_timestep: float | None, passes: int | None = None, mark: bool | None = None,
) -> DecodeOptions:  # fmt: skip
    """Options with the values that are not None in place of theirs.

    Raises:
        InputError: a value is out of range.
    """
    given = {
        "realism": realism, "seed": seed, "denoise": denoise, "fixed_timestep": fixed_timestep, "passes": passes,
        "mark": mark,
    }  # fmt: skip
    if options is not None and not isinstance(options, DecodeOptions):
        raise InputError(f"options is a {type(options).__name__}, expected DecodeOptions")
    return replace(options or DecodeOptions(), **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]

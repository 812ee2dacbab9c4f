"""`.tadm` bytes -> picture. Joins container, payload, model and tiling; torch is loaded only to rebuild pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from codec.container.constants import FAMILIES, GridPreset
from codec.container.model import TadmFile
from codec.errors import InputError
from codec.geometry import Box, Size, hr_boxes, moved, overlap
from codec.lowres import LowRes
from codec.models.library import for_decoding
from codec.options import DecodeOptions
from codec.payload.alpha import decode_alpha as payload_alpha
from codec.rebuild.pieces import FloatArray, Piece, PixelArray, Progress, Timesteps, crop, place

#: A loaded family: `CompactFamily` or `Sd21Family`, each with the `pieces` of its tile grid preset.
Family = Any


@dataclass(frozen=True)
class Decoded:
    """A decoded photograph or region of one.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], None = opaque.
        timesteps: timestep a tile before realism, float32 [rows, columns]; see `codec.rebuild.pieces.Timesteps`.
    """

    pixels: PixelArray
    alpha: PixelArray | None
    timesteps: FloatArray


def decode_alpha(file: TadmFile, area: Box | None = None) -> PixelArray | None:
    """The alpha channel or a region of it, uint8 [H, W], None = opaque; only the parts that the region touches.

    Raises:
        FormatError: it is broken or has another size.
        UnsupportedError: a package that reads it is not installed.
    """
    if file.alpha is None:
        return None
    area = check_region(area, file.header.size)
    name, out = file.alpha.coding.name.lower(), np.empty((area.height, area.width), np.uint8)
    for box, data in zip(hr_boxes(file.header.size, file.slab, file.header.scale), file.alpha.parts, strict=True):
        shared = overlap(box, area)
        if shared is not None:
            part = payload_alpha(name, data, width=box.width, height=box.height)
            place(out, crop(part, moved(shared, -box.x, -box.y)), shared.x - area.x, shared.y - area.y)
    return out


def decode(
    file: TadmFile, options: DecodeOptions, *, region: Box | None = None, on_progress: Progress = lambda *_: None
) -> Decoded:
    """Rebuild the photograph, or a region of it: the same bits as that part of the whole on a CPU.

    Args:
        file: as read by `codec.container.reader.read`.
        options: realism, seed, device and the rest.
        region: part to decode, inside the picture; None = all of it.
        on_progress: called with (pieces done, pieces in all).

    Raises:
        FormatError: a payload is broken.
        InputError: the region is empty or runs over the picture.
        ModelError: the model that the file names is not here, or cannot run.
    """
    area = check_region(region, file.header.size)
    family = load_family(file, options)
    alpha = decode_alpha(file, area)
    out, timesteps = np.empty((area.height, area.width, 3), np.uint8), Timesteps(area, family.tile)
    for piece in timesteps.watch(decode_pieces(file, family, options, area, on_progress=on_progress)):
        place(out, piece.pixels, piece.box.x - area.x, piece.box.y - area.y)
    return Decoded(pixels=out, alpha=alpha, timesteps=timesteps.map)


def check_region(region: Box | None, size: Size) -> Box:
    """The region, or the whole picture.

    Raises:
        InputError: it is empty or runs over the picture.
    """
    whole = Box(0, 0, size.width, size.height)
    if region is None:
        return whole
    fits = 0 <= region.x < region.x + region.width <= size.width
    if not (fits and 0 <= region.y < region.y + region.height <= size.height):
        shown = f"{region.x},{region.y},{region.width},{region.height}"
        raise InputError(f"region {shown} is not inside the picture of {size.width}x{size.height}")
    return region


def load_family(file: TadmFile, options: DecodeOptions) -> Family:
    """The networks that a file asks for, on the device that the options name.

    Raises:
        ModelError: they are not here, or cannot run.
        UnsupportedError: the file has a tile grid that this version does not decode.
    """
    header = file.header
    package = for_decoding(
        header.model_id, header.scale, family=FAMILIES[header.grid], model=options.model, any_model=options.any_model
    )
    changed = package.changed(header.scale)
    if header.grid is GridPreset.LATENT_96_32:
        from codec.rebuild import latent96

        return latent96.load(package.folder, options.device, options.dtype, options.max_vram, options.compile, changed)
    from codec.rebuild import compact64

    return compact64.load(package.folder, header.scale, options.device, options.dtype, options.max_vram, changed)


def decode_pieces(
    file: TadmFile, family: Family, options: DecodeOptions, area: Box, *,
    lowres: LowRes | None = None, streamed: bool = False, on_progress: Progress = lambda *_: None,
) -> Iterator[Piece]:  # fmt: skip
    """Run the networks over an area.

    Args:
        file: the file.
        family: from `load_family`.
        options: the rest of them.
        area: region to rebuild, in HR pixels.
        lowres: the file's LR, to share or watch its slabs; None = a fresh one.
        streamed: give small pieces where the family can.
        on_progress: called with (pieces done, pieces in all).

    Yields:
        Pieces that fill the area, row by row; each row of pieces is complete before the next begins.
    """
    if file.header.grid is GridPreset.LATENT_96_32:
        from codec.rebuild import latent96

        return latent96.pieces(file, family, options, area, lowres=lowres, on_progress=on_progress)
    from codec.rebuild import compact64

    whole_pixels = 0 if streamed else compact64.WHOLE_PIXELS
    return compact64.pieces(
        file, family, options, area, lowres=lowres, whole_pixels=whole_pixels, on_progress=on_progress
    )

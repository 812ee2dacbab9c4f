"""`.tadm` bytes -> picture. Joins container, payload, model and tiling; torch is loaded only to rebuild pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from codec.container.constants import GridPreset
from codec.container.model import TadmFile
from codec.errors import InputError, ModelError, UnsupportedError
from codec.geometry import TIMESTEP_TILE, Box, Size, grid_cells, hr_boxes, moved, overlap, padded
from codec.lowres import LowRes
from codec.models.library import for_decoding
from codec.options import DecodeOptions
from codec.payload.alpha import decode_alpha as payload_alpha

if TYPE_CHECKING:
    from codec.models.compact.family import CompactFamily

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
_T = TypeVar("_T", bound=np.generic)

#: Blocks: a picture up to so many pixels is decoded whole, a larger one in squares of this side.
WHOLE_PIXELS, BLOCK_SIDE = 2**22, 1280


@dataclass(frozen=True)
class Decoded:
    """A decoded photograph or region of one.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], None = opaque.
        timesteps: timestep a tile before realism, float32 [rows, columns]: the 64 px tiles that the region touches.
    """

    pixels: PixelArray
    alpha: PixelArray | None
    timesteps: FloatArray


@dataclass(frozen=True)
class Piece:
    """Part of a photograph on its way out.

    Attributes:
        box: where it belongs, in HR pixels.
        pixels: uint8 [box.height, box.width, 3].
        timesteps: float32, the 64 px tiles that the piece fills.
    """

    box: Box
    pixels: PixelArray
    timesteps: FloatArray


class Timesteps:
    """Collects the timesteps of an area while its pieces pass.

    Attributes:
        map: float32, one value a tile that the area touches.
    """

    def __init__(self, area: Box, tile: int) -> None:
        self._tile, self._x, self._y = tile, area.x // tile, area.y // tile
        rows = -(-(area.y + area.height) // tile) - self._y
        columns = -(-(area.x + area.width) // tile) - self._x
        self.map: FloatArray = np.zeros((rows, columns), np.float32)

    def watch(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same pieces."""
        for piece in pieces:
            _place(self.map, piece.timesteps, piece.box.x // self._tile - self._x, piece.box.y // self._tile - self._y)
            yield piece


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
            _place(out, crop(part, moved(shared, -box.x, -box.y)), shared.x - area.x, shared.y - area.y)
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
        _place(out, piece.pixels, piece.box.x - area.x, piece.box.y - area.y)
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


def load_family(file: TadmFile, options: DecodeOptions) -> CompactFamily:
    """The networks that a file asks for, on the device that the options name.

    Raises:
        ModelError: they are not here, or cannot run.
        UnsupportedError: the file is for a family that this version does not decode.
    """
    header = file.header
    if header.grid is not GridPreset.COMPACT_64:
        raise UnsupportedError(
            f"tile grid preset {int(header.grid)} ({header.grid.name}) is not decoded by this version"
        )
    package = for_decoding(header.model_id, header.scale, model=options.model, any_model=options.any_model)
    if package.family != "compact":
        raise ModelError(f"model {package.name}: family {package.family!r} does not decode tile grid preset 0")
    from codec.models.device import resolve_device

    device = str(resolve_device(options.device))
    return _loaded(package.folder, header.scale, device, options.dtype, package.changed(header.scale))


@lru_cache(maxsize=4)
def _loaded(folder: Path, scale: int, device: str, dtype: str, changed: tuple[int, ...]) -> CompactFamily:
    """Networks stay in memory for the next file; a few tens of megabytes."""
    from codec.models.compact.family import CompactFamily
    from codec.models.device import resolve_device, resolve_dtype

    where = resolve_device(device)
    return CompactFamily.load(folder, scale, where, resolve_dtype(dtype, where))


def decode_pieces(
    file: TadmFile, family: CompactFamily, options: DecodeOptions, area: Box, *,
    lowres: LowRes | None = None, side: int = BLOCK_SIDE, whole_pixels: int = WHOLE_PIXELS,
    on_progress: Progress = lambda *_: None,
) -> Iterator[Piece]:  # fmt: skip
    """Run the networks block by block with halo; what comes out does not depend on the blocks.

    Args:
        file: the file.
        family: loaded networks.
        options: realism, seed, denoise.
        area: region to rebuild, in HR pixels.
        lowres: the file's LR, to share or watch its slabs; None = a fresh one.
        side: side of a block's core, a multiple of the tile.
        whole_pixels: a region of at most so many pixels is one block.
        on_progress: called with (pieces done, pieces in all).

    Yields:
        Pieces that fill the area, row by row; each row of blocks is complete before the next begins.
    """
    from codec.models.compact.family import Dial
    from codec.tiling.blocks import blocks
    from codec.tiling.noise import noise

    size, tile, scale = file.header.size, family.tile, family.scale
    full = Size(padded(size.width, tile), padded(size.height, tile))
    lowres = lowres or LowRes(file)
    timesteps = _given_timesteps(file, options)
    dial = Dial(realism=options.realism, denoise=options.denoise)
    work = list(blocks(full, _grown(area, tile), side=side, halo=family.halo, whole_pixels=whole_pixels))
    for done, block in enumerate(work, 1):
        reach, core = block.reach, block.core
        pixels, t = family.restore(
            lowres.crop(_divided(reach, scale)),
            file.header.quality,
            noise(reach.x, reach.y, reach.width, reach.height, options.seed),
            None if timesteps is None else crop(timesteps, _divided(reach, tile)),
            dial,
        )
        box = overlap(core, area)
        assert box is not None  # blocks cover the tiles that the area touches
        yield Piece(
            box=box,
            pixels=crop(pixels, moved(box, -reach.x, -reach.y)),
            timesteps=crop(t, _divided(moved(core, -reach.x, -reach.y), tile)),
        )
        on_progress(done, len(work))


def decode_rows(pieces: Iterator[Piece], area: Box) -> Iterator[PixelArray]:
    """Whole rows of the area, as `decode_pieces` completes them: uint8 [n, area.width, 3], top to bottom."""
    strip = np.empty((0, area.width, 3), np.uint8)
    for piece in pieces:
        box = piece.box
        if box.x == area.x:
            strip = np.empty((box.height, area.width, 3), np.uint8)
        _place(strip, piece.pixels, box.x - area.x, 0)
        if box.x + box.width == area.x + area.width:
            yield strip


def _given_timesteps(file: TadmFile, options: DecodeOptions) -> FloatArray | None:
    """The user's fixed timestep, else the file's own map, else None."""
    cells = grid_cells(file.header.size, TIMESTEP_TILE)
    if options.fixed_timestep is not None:
        return np.full((cells.height, cells.width), options.fixed_timestep, np.float32)
    if file.timesteps is None:
        return None
    stored = np.frombuffer(file.timesteps, np.uint8).astype(np.float32)
    return (10 + 190 * stored / 255).reshape(cells.height, cells.width).astype(np.float32)


def _grown(box: Box, tile: int) -> Box:
    """The tiles that a box touches."""
    x, y = box.x // tile * tile, box.y // tile * tile
    return Box(x, y, padded(box.x + box.width, tile) - x, padded(box.y + box.height, tile) - y)


def crop(array: npt.NDArray[_T], box: Box) -> npt.NDArray[_T]:
    """Rectangle of an array [H, W, ...], as a view."""
    return array[box.y : box.y + box.height, box.x : box.x + box.width]


def _place(target: npt.NDArray[_T], part: npt.NDArray[_T], x: int, y: int) -> None:
    target[y : y + part.shape[0], x : x + part.shape[1]] = part


def _divided(box: Box, by: int) -> Box:
    return Box(box.x // by, box.y // by, box.width // by, box.height // by)

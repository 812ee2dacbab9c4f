"""`.tadm` bytes -> picture. Joins container, payload, model and tiling; torch is loaded only to rebuild pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from codec.container.constants import Coding
from codec.container.model import TadmFile
from codec.errors import InputError, ModelError
from codec.geometry import Box, Size, grid_cells, lr_size, padded, slab_boxes
from codec.image.padding import pad
from codec.models.library import for_decoding
from codec.options import DecodeOptions
from codec.payload.png import decode_png
from codec.payload.registry import payload_named

if TYPE_CHECKING:
    from codec.models.compact.family import CompactFamily

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
_T = TypeVar("_T", bound=np.generic)

_CODINGS = {Coding.PNG: "png", Coding.AV1: "av1"}
#: Blocks: a picture up to so many pixels is decoded whole, a larger one in squares of this side.
WHOLE_PIXELS, BLOCK_SIDE = 2**22, 1024


@dataclass(frozen=True)
class Decoded:
    """A decoded photograph.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], None = opaque.
        timesteps: timestep a tile before realism, float32 [ceil(H/64), ceil(W/64)].
    """

    pixels: PixelArray
    alpha: PixelArray | None
    timesteps: FloatArray


def decode_lr(file: TadmFile) -> PixelArray:
    """The stored LR picture, uint8 [ceil(H/scale), ceil(W/scale), 3]; needs no model and no torch.

    Raises:
        FormatError: a payload is broken or has another size.
    """
    header = file.header
    size = lr_size(header.size, header.scale)
    payload = payload_named(_CODINGS[header.coding])
    lr = np.empty((size.height, size.width, 3), np.uint8)
    for box, data in zip(slab_boxes(size, file.slab), file.payloads, strict=True):
        lr[box.y : box.y + box.height, box.x : box.x + box.width] = payload.decode(
            data, width=box.width, height=box.height
        )
    return lr


def decode_alpha(file: TadmFile) -> PixelArray | None:
    """The alpha channel, uint8 [H, W], None = opaque.

    Raises:
        FormatError: it is broken or has another size.
    """
    if file.alpha is None:
        return None
    size = file.header.size
    return decode_png(file.alpha, width=size.width, height=size.height, mode="L")


def decode(file: TadmFile, options: DecodeOptions, *, on_progress: Progress = lambda *_: None) -> Decoded:
    """Rebuild the photograph.

    Args:
        file: as read by `codec.container.reader.read`.
        options: realism, seed, device and the rest.
        on_progress: called with (blocks done, blocks in all).

    Raises:
        FormatError: a payload is broken.
        ModelError: the model that the file names is not here, or cannot run.
    """
    header = file.header
    package = for_decoding(header.model_id, header.scale, model=options.model, any_model=options.any_model)
    if package.family != "compact":
        raise ModelError(f"model {package.name}: family {package.family!r} cannot be decoded by this version")
    lr, alpha = decode_lr(file), decode_alpha(file)

    from codec.models.compact.family import CompactFamily
    from codec.models.device import resolve_device, resolve_dtype

    device = resolve_device(options.device)
    family = CompactFamily.load(package.folder, header.scale, device, resolve_dtype(options.dtype, device))
    timesteps = _given_timesteps(file, options)
    pixels, used = run_blocks(family, lr, header.size, header.quality, timesteps, options, on_progress)
    return Decoded(pixels=pixels, alpha=alpha, timesteps=used)


def run_blocks(
    family: CompactFamily, lr: PixelArray, size: Size, quality: int, timesteps: FloatArray | None,
    options: DecodeOptions, on_progress: Progress, *, side: int = BLOCK_SIDE, whole_pixels: int = WHOLE_PIXELS,
) -> tuple[PixelArray, FloatArray]:  # fmt: skip
    """Run the networks block by block with halo; the result does not depend on the blocks.

    Args:
        family: loaded networks.
        lr: uint8 LR picture.
        size: HR size.
        quality: of the payload, 0..100.
        timesteps: float32 a tile, or None to predict them.
        options: realism, seed, denoise.
        on_progress: called with (blocks done, blocks in all).
        side: side of a block's core, a multiple of the tile.
        whole_pixels: pictures up to so many pixels are one block.

    Returns:
        Pixels uint8 [H, W, 3] and the timestep a tile, float32.
    """
    from codec.models.compact.family import Dial
    from codec.tiling.blocks import blocks
    from codec.tiling.noise import noise

    tile, scale = family.tile, family.scale
    full = Size(padded(size.width, tile), padded(size.height, tile))
    lr = pad(lr, full.height // scale - lr.shape[0], full.width // scale - lr.shape[1])
    out = np.empty((size.height, size.width, 3), np.uint8)
    cells = grid_cells(size, tile)
    used = np.empty((cells.height, cells.width), np.float32)
    dial = Dial(realism=options.realism, denoise=options.denoise)
    work = list(blocks(full, side=side, halo=family.halo, whole_pixels=whole_pixels))
    for done, block in enumerate(work, 1):
        reach, core = block.reach, block.core
        given = None if timesteps is None else _crop(timesteps, _divided(reach, tile))
        pixels, t = family.restore(
            _crop(lr, _divided(reach, scale)), quality,
            noise(reach.x, reach.y, reach.width, reach.height, options.seed), given, dial,
        )  # fmt: skip
        inner = Box(core.x - reach.x, core.y - reach.y, core.width, core.height)
        part = _crop(pixels, inner)[: size.height - core.y, : size.width - core.x]
        out[core.y : core.y + part.shape[0], core.x : core.x + part.shape[1]] = part
        target = _divided(core, tile)
        used[target.y : target.y + target.height, target.x : target.x + target.width] = _crop(t, _divided(inner, tile))
        on_progress(done, len(work))
    return out, used


def _given_timesteps(file: TadmFile, options: DecodeOptions) -> FloatArray | None:
    """The user's fixed timestep, else the file's own map, else None."""
    cells = grid_cells(file.header.size, 64)
    if options.fixed_timestep is not None:
        return np.full((cells.height, cells.width), options.fixed_timestep, np.float32)
    if file.timesteps is None:
        return None
    stored = np.frombuffer(file.timesteps, np.uint8).astype(np.float32)
    if stored.size != cells.pixels:
        raise InputError(f"timestep map has {stored.size} values, the picture has {cells.pixels} tiles")
    return (10 + 190 * stored / 255).reshape(cells.height, cells.width).astype(np.float32)


def _crop(array: npt.NDArray[_T], box: Box) -> npt.NDArray[_T]:
    return array[box.y : box.y + box.height, box.x : box.x + box.width]


def _divided(box: Box, by: int) -> Box:
    return Box(box.x // by, box.y // by, box.width // by, box.height // by)

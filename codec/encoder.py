"""Picture -> `.tadm` bytes. Joins image, model identity, payload, container; the compact family needs no torch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from codec.container.constants import Coding, GridPreset
from codec.container.model import Header, Metadata, TadmFile
from codec.container.writer import write
from codec.geometry import Box, Size, lr_size, padded, slab_boxes, slab_size
from codec.image.output import alpha_to_png
from codec.image.padding import pad
from codec.image.picture import PixelArray, Source, load
from codec.image.rows import ArrayRows, RowSource, VipsRows
from codec.models.library import for_encoding
from codec.options import EncodeOptions
from codec.payload.registry import payload_named

_CODINGS = {"png": Coding.PNG, "av1": Coding.AV1}
#: Files of more pixels are read a few rows at a time.
STREAM_PIXELS = 2**26


def encode(source: Source, options: EncodeOptions, *, model: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture. Files of more than 67 megapixels are streamed: memory does not grow with their height.

    Args:
        source: path, binary file object, PIL image, or uint8 array [H, W, 3].
        options: scale, payload, quality and the rest.
        model: folder of the model package to name in the file; None = the shipped one.

    Returns:
        The file's bytes and notes on what was converted on the way in.

    Raises:
        InputError: the picture cannot be used.
        UnsupportedError: a picture this large needs a package that is not installed.
        ModelError: no model for this scale.
        OSError: the file cannot be read.
    """
    package = for_encoding(options.scale, model)
    model_id = package.model_id(options.scale)
    if isinstance(source, str | Path) and _is_large(Path(source)):
        rows = VipsRows(Path(source))
        return write(_file(rows, options, model_id, Metadata(icc=rows.icc))), (
            "streamed; only the ICC profile is kept",
        )
    picture = load(source)
    keep = options.strip == "none"
    metadata = Metadata(icc=picture.icc, exif=picture.exif if keep else None, xmp=picture.xmp if keep else None)
    alpha = None if picture.alpha is None else alpha_to_png(picture.alpha)
    return write(_file(ArrayRows(picture.pixels), options, model_id, metadata, alpha)), picture.notes


def _file(
    rows: RowSource, options: EncodeOptions, model_id: bytes, metadata: Metadata, alpha: bytes | None = None
) -> TadmFile:
    payload = payload_named(options.payload)
    quality = 100 if payload.lossless else options.quality
    slab = slab_size(rows.size, options.scale)
    header = Header(
        size=rows.size,
        scale=options.scale,
        coding=_CODINGS[options.payload],
        quality=quality,
        grid=GridPreset.COMPACT_64,
        model_id=model_id,
    )
    payloads = [
        payload.encode(np.ascontiguousarray(piece), quality=quality, effort=options.effort)
        for strip in lr_strips(rows, options.scale, slab.height)
        for piece in _cut(strip, slab.width)
    ]
    return TadmFile(header=header, slab=slab, payloads=payloads, metadata=metadata, alpha=alpha)


def _cut(strip: PixelArray, width: int) -> Iterator[PixelArray]:
    size = Size(strip.shape[1], strip.shape[0])
    for box in slab_boxes(size, Size(width, size.height)):
        yield strip[:, box.x : box.x + box.width]


def lr_strips(rows: RowSource, scale: int, height: int) -> Iterator[PixelArray]:
    """The compact family's LR writer, a strip at a time: antialiased bicubic downscale, Keys kernel a = -0.5.

    The strips put together are the downscale of the whole picture, within one grey level of Pillow's rounding.

    Args:
        rows: the photograph.
        scale: HR/LR ratio.
        height: LR rows of a strip.

    Yields:
        uint8 [height, ceil(W/scale), 3]; the last one may be lower.
    """
    size = lr_size(rows.size, scale)
    right = padded(rows.size.width, scale) - rows.size.width
    reach = 3 * scale  # the kernel reaches 2 LR pixels
    held, first = np.empty((0, rows.size.width + right, 3), np.uint8), 0
    for top in range(0, size.height, height):
        bottom = min(top + height, size.height)
        missing = bottom * scale + reach - (first + held.shape[0])
        held = np.concatenate([held, pad(rows.read(max(0, missing)), 0, right)])
        if first + held.shape[0] == rows.size.height:
            held = pad(held, size.height * scale - rows.size.height, 0)
        box = Box(0, top * scale - first, held.shape[1], (bottom - top) * scale)
        yield _downscale(held, box, Size(size.width, bottom - top))
        keep = max(0, bottom * scale - reach - first)
        held, first = held[keep:], first + keep


def _downscale(pixels: PixelArray, box: Box, size: Size) -> PixelArray:
    """A rectangle of a picture, resized; the kernel sees what lies around the rectangle."""
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    image = Image.fromarray(pixels).resize((size.width, size.height), Image.Resampling.BICUBIC, box=edges)
    return np.asarray(image)


def _is_large(path: Path) -> bool:
    """Whether a file's header says more than `STREAM_PIXELS`; not being a picture is for the loader to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return image.width * image.height > STREAM_PIXELS
        except Image.DecompressionBombError:
            return True
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            return False

"""Picture -> `.tadm` bytes. Joins image, model identity, payload, container; the compact family needs no torch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from codec.container.constants import Coding, GridPreset
from codec.container.model import Header, Metadata, TadmFile
from codec.container.writer import write
from codec.geometry import Size, lr_size, padded, slab_boxes, slab_size
from codec.image.output import alpha_to_png
from codec.image.padding import pad
from codec.image.picture import PixelArray, Source, load
from codec.models.library import for_encoding
from codec.options import EncodeOptions
from codec.payload.registry import payload_named

_CODINGS = {"png": Coding.PNG, "av1": Coding.AV1}


def encode(source: Source, options: EncodeOptions, *, model: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture.

    Args:
        source: path, binary file object, PIL image, or uint8 array [H, W, 3].
        options: scale, payload, quality and the rest.
        model: folder of the model package to name in the file; None = the shipped one.

    Returns:
        The file's bytes and notes on what was converted on the way in.

    Raises:
        InputError: the picture cannot be used.
        ModelError: no model for this scale.
        OSError: the file cannot be read.
    """
    package = for_encoding(options.scale, model)
    picture = load(source)
    height, width = picture.pixels.shape[:2]
    size = Size(width, height)
    payload = payload_named(options.payload)
    quality = 100 if payload.lossless else options.quality
    lr = write_lr(picture.pixels, options.scale)
    slab = slab_size(size, options.scale)
    payloads = [
        payload.encode(
            np.ascontiguousarray(lr[b.y : b.y + b.height, b.x : b.x + b.width]), quality=quality, effort=options.effort
        )
        for b in slab_boxes(lr_size(size, options.scale), slab)
    ]
    keep = options.strip == "none"
    file = TadmFile(
        header=Header(
            size=size,
            scale=options.scale,
            coding=_CODINGS[options.payload],
            quality=quality,
            grid=GridPreset.COMPACT_64,
            model_id=package.model_id(options.scale),
        ),
        slab=slab,
        payloads=payloads,
        metadata=Metadata(icc=picture.icc, exif=picture.exif if keep else None, xmp=picture.xmp if keep else None),
        alpha=None if picture.alpha is None else alpha_to_png(picture.alpha),
    )
    return write(file), picture.notes


def write_lr(pixels: PixelArray, scale: int) -> PixelArray:
    """The compact family's LR writer: antialiased bicubic downscale by the scale, Keys kernel a = -0.5.

    Args:
        pixels: uint8 [H, W, 3].
        scale: HR/LR ratio.

    Returns:
        uint8 [ceil(H/scale), ceil(W/scale), 3].
    """
    height, width = pixels.shape[:2]
    down, right = padded(height, scale) - height, padded(width, scale) - width
    if down or right:
        pixels = pad(pixels, down, right)
    lr = Image.fromarray(pixels).resize((pixels.shape[1] // scale, pixels.shape[0] // scale), Image.Resampling.BICUBIC)
    return np.asarray(lr)

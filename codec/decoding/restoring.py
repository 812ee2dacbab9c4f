"""A bare picture, no file of ours: enlarged by a model as if it were the LR of a photograph."""

from __future__ import annotations

import numpy as np
from PIL import Image

from codec.arrays import Progress, no_progress, place
from codec.decoding.making import mark_of, with_realism
from codec.engine import Engine
from codec.errors import InputError, LimitError, ModelError
from codec.geometry import Box, Size
from codec.image.metadata import carried
from codec.image.output import to_image
from codec.image.picture import PictureSource, load
from codec.image.provenance import marked
from codec.lr import PictureLr
from codec.models.family import Recipe
from codec.models.package import Package
from codec.options import DecodeLimits, DecodeOptions

#: What the networks are told of a picture that no payload of ours has coded: lossless.
LOSSLESS = 100


def restore_picture(
    source: PictureSource, engine: Engine, options: DecodeOptions, *, scale: int | None = None,
    quality: int = LOSSLESS, limits: DecodeLimits | None = None, on_progress: Progress = no_progress,
) -> Image.Image:  # fmt: skip
    """Enlarge a picture; see `codec.restore`."""
    if not isinstance(quality, int) or not 0 <= quality <= LOSSLESS:
        raise InputError(f"quality is {quality!r}, expected a whole number in 0..{LOSSLESS}")
    picture = load(source)
    package, scale = _package(engine, scale)
    height, width = picture.pixels.shape[:2]
    size, most = Size(width * scale, height * scale), (limits or DecodeLimits()).pixels
    if size.pixels > most:
        raise LimitError(f"the result has {size.pixels} pixels, more than {most}", limit="pixels", value=size.pixels)
    options = with_realism(package, options)
    recipe, area = Recipe(size=size, quality=quality, options=options), Box(0, 0, size.width, size.height)
    out = np.empty((size.height, size.width, 3), np.uint8)
    restorer = engine.restorer(package, scale)
    pieces = restorer.pieces(PictureLr(picture.pixels), recipe, area, streamed=False, on_progress=on_progress)
    for piece in pieces:
        place(out, piece.pixels, piece.box.x, piece.box.y)
    alpha = None
    if picture.alpha is not None:
        large = Image.fromarray(picture.alpha).resize((size.width, size.height), Image.Resampling.BICUBIC)
        alpha = np.asarray(large)
    metadata = carried(picture.icc, picture.exif, picture.xmp)
    return to_image(out, alpha, marked(metadata, mark_of(package, scale, options)) if options.mark else metadata)


def _package(engine: Engine, scale: int | None) -> tuple[Package, int]:
    """The first package that can read any picture, and the scale it is to be read at."""
    here = engine.packages()
    for package in here:
        if package.family.reads_pictures(package.config) and (scale is None or scale in package.scales):
            usual = 4 if 4 in package.scales else package.scales[0]
            return package, usual if scale is None else scale
    wanted = "" if scale is None else f" at scale {scale}"
    names = ", ".join(f"{p.name} ({p.family.name}, {', '.join(map(str, p.scales))})" for p in here)
    raise ModelError(f"no model here restores a picture{wanted}; there is {names or 'none'}")

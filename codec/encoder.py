"""Picture -> `.tadm` bytes. Joins image, downscale, model, payload, container; only an LR writer needs torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from codec.container.constants import FAMILIES, Coding
from codec.container.model import Alpha, Header, Metadata, TadmFile
from codec.container.writer import write
from codec.downscale import Rescaler, Writer, lr_strips, rescaled_strips
from codec.errors import InputError
from codec.geometry import STREAM_PIXELS, TIMESTEP_TILE, Size, hr_boxes, padded, slab_boxes, slab_size
from codec.image.extra import has_extra
from codec.image.metadata import is_srgb, stored_exif
from codec.image.picture import Picture, PixelArray, Source, load
from codec.image.sources import ArrayRows, RowSource, VipsRows
from codec.models.library import for_encoding, packages
from codec.options import DEFAULT_SCALE, OPTIONAL_PAYLOADS, DecodeLimits, EncodeOptions
from codec.payload.alpha import encode_alpha
from codec.payload.registry import payload_named
from codec.rate.table import curves
from codec.rate.target import best_under


@dataclass(frozen=True)
class Encoded:
    """An encoded picture.

    Attributes:
        data: bytes of the `.tadm` file.
        size: of the picture in pixels.
        options: the settings in force, chosen ones included.
        notes: what was converted on the way in, in words.
    """

    data: bytes
    size: Size
    options: EncodeOptions
    notes: tuple[str, ...]


def encode(source: Source, options: EncodeOptions, *, model: str | None = None, device: str = "auto") -> Encoded:
    """Encode a picture. Files of more than 67 megapixels are streamed where pyvips is installed: memory does not grow
    with their height.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image, or uint8 array [H, W, 3].
        options: scale, payload, quality or target, and the rest.
        model: folder of the model package to name in the file; None = the shipped one.
        device: where a rescaler network runs (family `sd21`); an LR writer always runs on the CPU.

    Raises:
        InputError: the picture cannot be used, or the target cannot be met.
        UnsupportedError: a picture this large needs a package that is not installed.
        ModelError: no model for this scale.
        OSError: the file cannot be read.
    """
    options = _suited(options, model)
    if isinstance(source, str | os.PathLike) and _is_large(Path(source)):
        return _encode_large(Path(source), options, model, device)
    picture = load(source)
    metadata = _metadata(picture, options)
    size = Size(picture.pixels.shape[1], picture.pixels.shape[0])

    @cache
    def strips(scale: int, quality: int) -> list[PixelArray]:
        return list(_lr(ArrayRows(picture.pixels), scale, quality, model, device))

    @cache
    def alpha(scale: int) -> Alpha | None:
        return _alpha(picture, scale, options)

    def code(chosen: EncodeOptions) -> bytes:
        return write(_file(size, strips, chosen, model, metadata, alpha(chosen.scale or DEFAULT_SCALE)))

    if options.has_target:
        data, chosen = _meet_target(size, options, model, code)
    else:
        chosen = options.resolved()
        data = code(chosen)
    return Encoded(data, size, chosen, (*picture.notes, *_beyond_limits(size)))


def _suited(options: EncodeOptions, model: str | None) -> EncodeOptions:
    """With the scale and payload that the named model is made for, where the options say nothing."""
    if model is None or options.has_target:
        return options
    package = packages(model)[0]
    if options.scale is None and package.scales and DEFAULT_SCALE not in package.scales:
        options = replace(options, scale=package.scales[0])
    if options.payload is None and options.quality is None and package.family == "sd21":
        options = replace(options, payload="png")
    return options


def _metadata(picture: Picture | VipsRows, options: EncodeOptions) -> Metadata:
    """What of a picture's metadata the options keep."""
    icc, exif, xmp = picture.icc, picture.exif, picture.xmp
    if icc is not None and is_srgb(icc):
        icc = None  # the same colours as without, for half a kilobyte or three
    if options.strip == "all":
        exif = None
    elif options.strip == "gps" and exif is not None:
        exif = stored_exif(exif, gps=False)
    # positions stand in XMP under many names, so that only no packet is a packet without one
    return Metadata(icc=icc, exif=exif, xmp=xmp if options.strip == "none" else None)


def _alpha(picture: Picture, scale: int, options: EncodeOptions) -> Alpha | None:
    """The alpha channel, cut like the slabs."""
    if picture.alpha is None:
        return None
    size = Size(picture.alpha.shape[1], picture.alpha.shape[0])
    boxes = hr_boxes(size, slab_size(size, scale), scale)
    parts = [picture.alpha[b.y : b.y + b.height, b.x : b.x + b.width] for b in boxes]
    name, data = encode_alpha(parts, quality=options.alpha_quality, effort=options.effort)
    return Alpha(coding=Coding[name.upper()], parts=data)


def _encode_large(path: Path, options: EncodeOptions, model: str | None, device: str) -> Encoded:
    if options.has_target:
        raise InputError(f"{path}: pictures this large are read only once; give a quality instead of a target size")
    rows, chosen = VipsRows(path), options.resolved()

    def strips(scale: int, quality: int) -> Iterator[PixelArray]:
        return _lr(rows, scale, quality, model, device)

    data = write(_file(rows.size, strips, chosen, model, _metadata(rows, options)))
    return Encoded(data, rows.size, chosen, (*rows.notes, *_beyond_limits(rows.size)))


def _beyond_limits(size: Size) -> tuple[str, ...]:
    """A word of warning for pictures that readers refuse by default."""
    if padded(size.width, TIMESTEP_TILE) * padded(size.height, TIMESTEP_TILE) <= DecodeLimits().pixels:
        return ()
    return ("larger than readers accept by default: decode it with --max-pixels 0",)


def _meet_target(
    size: Size, options: EncodeOptions, model: str | None, code: Callable[[EncodeOptions], bytes]
) -> tuple[bytes, EncodeOptions]:
    """The best picture under `bpp` or `max_bytes`, and the settings that give it."""
    limit = options.max_bytes or int((options.bpp or 0) * size.pixels / 8)
    have = {scale for package in packages(model) for scale in package.scales}
    candidates = [
        curve
        for curve in curves()
        if curve.scale in have
        and options.scale in (None, curve.scale)
        # a payload that not every reader has is taken only when it is asked for
        and (curve.payload not in OPTIONAL_PAYLOADS if options.payload is None else options.payload == curve.payload)
    ]
    base = replace(options, bpp=None, max_bytes=None)

    def chosen(scale: int, payload: str, quality: int, effort: str) -> EncodeOptions:
        lossless = payload_named(payload).lossless
        return replace(base, scale=scale, payload=payload, quality=None if lossless else quality, effort=effort)

    best = best_under(limit, size.pixels, candidates, lambda *setting: code(chosen(*setting)), options.effort)
    return best.data, chosen(best.scale, best.payload, best.quality, options.effort)


def _file(
    size: Size, strips: Callable[[int, int], Iterable[PixelArray]], options: EncodeOptions, model: str | None,
    metadata: Metadata, alpha: Alpha | None = None,
) -> TadmFile:  # fmt: skip
    """The file of a picture whose LR at a scale and quality comes in strips, one a row of slabs."""
    scale, name = options.scale or DEFAULT_SCALE, options.payload or "av1"
    payload = payload_named(name)
    quality = 100 if payload.lossless or options.quality is None else options.quality
    slab = slab_size(size, scale)
    package = for_encoding(scale, model)
    header = Header(
        size=size,
        scale=scale,
        coding=Coding[name.upper()],
        quality=quality,
        grid=next(grid for grid, family in FAMILIES.items() if family == package.family),
        model_id=package.model_id(scale),
    )

    def code(piece: PixelArray) -> bytes:
        pixels = np.ascontiguousarray(piece)
        return payload.encode(pixels, quality=quality, effort=options.effort, chroma=options.chroma)

    # slabs of a row are coded side by side; the next row is made when these are done, so that few are in memory
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        payloads = [data for strip in strips(scale, quality) for data in pool.map(code, _cut(strip, slab.width))]
    return TadmFile(header=header, slab=slab, payloads=payloads, metadata=metadata, alpha=alpha)


def _cut(strip: PixelArray, width: int) -> Iterator[PixelArray]:
    size = Size(strip.shape[1], strip.shape[0])
    for box in slab_boxes(size, Size(width, size.height)):
        yield strip[:, box.x : box.x + box.width]


def _lr(rows: RowSource, scale: int, quality: int, model: str | None, device: str) -> Iterator[PixelArray]:
    """The LR in strips, one a row of slabs, as the model that the file is written for makes it."""
    package, height = for_encoding(scale, model), slab_size(rows.size, scale).height
    if package.family == "sd21":
        return rescaled_strips(rows, scale, height, _rescaler(package.folder, device, package.changed(scale)))
    writer = _writer(package.folder, scale, package.changed(scale)) if package.has_writer(scale) else None
    return lr_strips(rows, scale, height, writer=writer, quality=quality)


@lru_cache(maxsize=4)
def _writer(folder: Path, scale: int, changed: tuple[int, ...]) -> Writer:
    """It stays in memory for the next picture; half a megabyte."""
    from codec.models.compact.writing import CompactWriter

    return CompactWriter.load(folder, scale)


@lru_cache(maxsize=1)
def _rescaler(folder: Path, device: str, changed: tuple[int, ...]) -> Rescaler:
    """It stays in memory for the next picture; half a gigabyte."""
    from codec.models.device import resolve_device
    from codec.models.sd21.writing import Sd21Writer

    return Sd21Writer.load(folder, resolve_device(device))


def _is_large(path: Path) -> bool:
    """Whether a file is one to be read in rows; not being a picture is for the loader to say."""
    # pipes can be read only once, and without pyvips what fits into memory still goes
    if not path.is_file() or not has_extra("pyvips"):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return image.width * image.height > STREAM_PIXELS
        except Image.DecompressionBombError:
            return True
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            return False

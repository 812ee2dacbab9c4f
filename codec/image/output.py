"""A decoded photograph on its way out: a PIL image that carries its metadata, and files written from it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from PIL import Image, PngImagePlugin

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.image.metadata import Carried
from codec.image.provenance import mark_alone

_TIFF_XMP = 700
_LONGEST_SIDE = {"JPEG": 65535, "WEBP": 16383, "AVIF": 65536}
#: Keys of an image's `info` that are written, and what people call them.
_METADATA = {"icc_profile": "ICC profile", "exif": "EXIF", "xmp": "XMP"}
#: Formats whose writer puts XMP into the file; others pass it over without a word.
_XMP_FORMATS = {"PNG", "JPEG", "MPO", "WEBP", "AVIF", "TIFF"}
#: Formats that can hold alpha.
_ALPHA_FORMATS = {"PNG", "WEBP", "AVIF", "TIFF", "JPEG2000"}


def to_image(pixels: PixelArray, alpha: PixelArray | None = None, metadata: Carried | None = None) -> Image.Image:
    """PIL image, RGB or RGBA, with `icc_profile`, `exif` and `xmp` in its `info`; pixels uint8 [H, W, 3]."""
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    found = metadata or Carried()
    for key, value in (("icc_profile", found.icc), ("exif", found.exif_for_pillow), ("xmp", found.xmp)):
        if value is not None:
            image.info[key] = value
    return image


def format_of(suffix: str) -> str:
    """Pillow's name of the format that a file name ending stands for, e.g. ".jpg" -> "JPEG".

    Raises:
        InputError: no writable format has this ending.
    """
    Image.preinit()  # PNG, JPEG and the like; the other thirty formats' code only when it is asked for
    name = Image.EXTENSION.get(suffix.lower()) or Image.registered_extensions().get(suffix.lower())
    # Pillow's plugin for our own format may be loaded: what is decoded is not encoded again in silence
    if name is None or name not in Image.SAVE or suffix.lower() == ".tadm":
        raise InputError(f"cannot write pictures that end in {suffix!r}; use .png, .jpg, .webp, .tif or .avif")
    return name


def check_can_hold(kind: str, width: int, height: int, *, alpha: bool) -> None:
    """Refuse before any work is done what a format cannot hold.

    Args:
        kind: Pillow format name, or "zarr".
        width: in pixels.
        height: in pixels.
        alpha: whether there is an alpha channel.

    Raises:
        InputError: the sides are too long or there is no place for alpha.
    """
    if alpha and kind not in _ALPHA_FORMATS:
        raise InputError(f"{kind} cannot hold the picture's alpha channel; write .png, .webp or .tif")
    most = _LONGEST_SIDE.get(kind, max(width, height))
    if max(width, height) > most:
        raise InputError(f"{kind} ends at {most} pixels a side, the picture is {width}x{height}; write .png or .tif")


def save(image: Image.Image, target: IO[bytes], kind: str) -> tuple[str, ...]:
    """Write a picture with its metadata; what of it the format's writer refuses is left out.

    Args:
        image: as `to_image` made it.
        target: binary file object.
        kind: Pillow format name, see `format_of`.

    Returns:
        What was left out, in words.

    Raises:
        InputError: the format cannot hold this picture (size, alpha).
    """
    check_can_hold(kind, *image.size, alpha=image.mode == "RGBA")
    known = {k: image.info[k] for k in _METADATA if k in image.info}
    for kept in _tries(known):
        # into memory first: Pillow does not tell a picture that it cannot write from a disk that is full
        buffer = io.BytesIO()
        try:
            _plain(image).save(buffer, kind, **_options(kind, kept))
        except Exception as exc:
            if not kept:
                raise InputError(f"{kind}: cannot hold this picture ({exc})") from exc
            continue
        target.write(buffer.getbuffer())
        held = {k for k in kept if k != "xmp" or kind in _XMP_FORMATS}
        notes = [f"{_METADATA[k]} left out: {kind} cannot hold it" for k in known if k not in held]
        if "xmp" in held and kept["xmp"] != known["xmp"]:
            notes.append(f"XMP left out but for the mark: {kind} cannot hold it")
        return tuple(notes)
    raise AssertionError  # the last try returns or raises


def _tries(known: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """All metadata first, then XMP cut down to the mark, then without each, then none: a picture is never lost for what
    rides along.
    """
    yield known
    alone = mark_alone(known["xmp"]) if "xmp" in known else None
    if alone is not None:
        yield known | {"xmp": alone}
    for left in known:
        yield {k: v for k, v in known.items() if k != left}
    if alone is not None:
        yield {"xmp": alone}
    yield {}


def _plain(image: Image.Image) -> Image.Image:
    """The picture without its `info`, which some writers read by themselves."""
    plain = image.copy()
    plain.info = {}
    return plain


def _options(kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = dict(metadata)
    if kind == "PNG":
        options |= {"compress_level": 3}
        if "xmp" in options:
            text = PngImagePlugin.PngInfo()
            text.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode("utf-8", "replace"))
            options["pnginfo"] = text
    elif kind == "TIFF" and "xmp" in options:
        exif = Image.Exif()
        exif.load(options.get("exif", b""))
        exif[_TIFF_XMP] = options.pop("xmp")
        options["exif"] = exif
    elif kind in {"JPEG", "WEBP", "AVIF"}:
        options["quality"] = 95
        if kind == "JPEG":
            options["subsampling"] = "4:4:4"
    return options

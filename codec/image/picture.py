"""A photograph in memory, and every way into it: path, file object, PIL image or array."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.image.foreign import foreign
from codec.image.metadata import stored_exif

#: Everything that a picture may come as.
PictureSource = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | PixelArray

#: Modes that convert to 8-bit RGB without losing anything that a photograph has.
_PLAIN = {"1", "L", "P", "RGB", "YCbCr", "HSV", "RGBX"}
_WITH_ALPHA = {"LA", "La", "RGBA", "RGBa", "PA"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An upright photograph.

    Attributes:
        pixels: uint8 [H, W, 3] RGB in the picture's own colour space (see `icc`).
        alpha: uint8 [H, W], None = opaque.
        icc: ICC profile, None = sRGB.
        exif: bare EXIF block (a TIFF header first) without an orientation tag, None = none.
        xmp: XMP packet, None = none.
        notes: what was converted on the way in, in words.
    """

    pixels: PixelArray
    alpha: PixelArray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()


def load(source: PictureSource) -> Picture:
    """Read a picture.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image (any mode), or uint8 array [H, W, 3] or
            [H, W].

    Raises:
        InputError: not a picture, nothing that can hold one, an unsupported mode or array, or damaged.
        LimitError: more pixels than Pillow opens without asking (`PIL.Image.MAX_IMAGE_PIXELS`, twice).
        OSError: the file cannot be opened.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with foreign("input", f"{source.format or 'PIL'} picture"):
            return _from_image(source)
    if isinstance(source, bytes | bytearray | memoryview):
        source = io.BytesIO(source)
    if not isinstance(source, str | os.PathLike) and not callable(getattr(source, "read", None)):
        raise InputError(
            f"picture is a {type(source).__name__}, expected a path, bytes, a binary file, a PIL image or an array"
        )
    name = str(source) if isinstance(source, str | os.PathLike) else "input"
    with foreign(name):
        image = Image.open(source)
    with image, foreign(name, f"{image.format} picture"):
        return _from_image(image)


def _from_array(array: npt.NDArray[Any]) -> Picture:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise InputError(f"array is {array.dtype} {array.shape}, expected uint8 (H, W, 3) or (H, W)")
    if 0 in array.shape:
        raise InputError(f"array is empty: {array.shape}")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, 2)
    return Picture(pixels=np.ascontiguousarray(array))


def _from_image(image: Image.Image) -> Picture:
    if 0 in image.size:
        raise InputError(f"picture is empty: {image.size[0]}x{image.size[1]}")
    notes: list[str] = []
    icc, xmp = image.info.get("icc_profile"), image.info.get("xmp")
    if getattr(image, "n_frames", 1) > 1:
        notes.append("animated or multi-page input: only the first frame is coded")
    exif = _exif(image, notes)
    kept = _stored(exif, notes)
    upright, alpha = _to_rgb(image if exif is None else ImageOps.exif_transpose(image), notes)
    if image.mode in {"CMYK", "LAB", "1", "L", "LA", "La"} or image.mode.startswith("I;16"):
        icc = None  # it described other values than RGB, which are gone
    return Picture(
        pixels=np.array(upright, np.uint8),
        alpha=None if alpha is None else np.array(alpha, np.uint8),
        icc=icc or None,
        exif=kept,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        notes=tuple(notes),
    )


def _exif(image: Image.Image, notes: list[str]) -> bytes | None:
    """The EXIF block, None where there is none that can be read."""
    try:
        exif = image.getexif()
        exif.bigtiff = False  # Pillow cannot read the block of a BigTIFF that it writes itself
        return exif.tobytes() if len(exif) else None
    except Exception as exc:  # what a parser says of foreign bytes may be of any type, and only costs the EXIF
        notes.append(f"EXIF left out: not readable ({exc})")
        return None


def _stored(exif: bytes | None, notes: list[str]) -> bytes | None:
    try:
        return None if exif is None else stored_exif(exif)
    except ValueError as exc:
        notes.append(f"EXIF left out: {exc}")
        return None


def _to_rgb(image: Image.Image, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """RGB picture and alpha channel, if any pixel is not opaque."""
    if image.mode.startswith("I;16"):
        notes.append("16 bits a sample reduced to 8")
        wide = np.asarray(image).astype(np.uint32)
        gray = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
        key = image.info.get("transparency")  # the one gray value that is transparent
        seen = None if key is None else Image.fromarray(np.where(wide == key, 0, 255).astype(np.uint8))
        return gray, seen
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        return rgba.convert("RGB"), None if alpha.getextrema() == (255, 255) else alpha
    if image.mode in _PLAIN:
        return image.convert("RGB"), None
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB")
        return _cmyk_to_rgb(image), None
    if image.mode == "LAB":
        notes.append("LAB converted to sRGB")
        return _through_profile(image, None, "LAB"), None
    raise InputError(f"picture has mode {image.mode!r}; convert it to RGB, gray, CMYK or 16-bit gray first")


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    return _through_profile(image, profile, "CMYK") if profile else image.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes | None, kind: str) -> Image.Image:
    from PIL import ImageCms  # only these rare pictures need it

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as exc:
        raise InputError(f"{kind} picture: its colour profile cannot be applied ({exc})") from exc
    if converted is None:
        raise InputError(f"{kind} picture: its colour profile cannot be applied")
    return converted

"""What rides along with a photograph: EXIF and ICC profiles, in the form that the container stores."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

#: Prefix of an EXIF block inside JPEG files, which Pillow writes everywhere; the container stores the bare TIFF block.
_EXIF_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_GPS_IFD = 0x8825
#: TIFF tags that describe how the input file stored its pixels, or that we keep elsewhere (XMP, ICC): not EXIF.
_STORAGE_TAGS = {*range(254, 260), 262, 266, 273, 277, 278, 279, 284, 317, 320, *range(322, 326), 330, 338, 339, 347,
                 *range(512, 522), *range(529, 533), 700, 34675}  # fmt: skip
#: Grid steps a channel on which a profile is compared with sRGB.
_STEPS = 9


def stored_exif(block: bytes, *, gps: bool = True) -> bytes | None:
    """An EXIF block as the container stores it: bare, for upright pixels; None if nothing is left.

    Args:
        block: with or without the prefix that JPEG files have.
        gps: whether to keep the directory that tells where the photograph was taken.

    Raises:
        ValueError: not readable as EXIF.
    """
    exif = Image.Exif()
    try:
        exif.load(block)
        exif.bigtiff = False  # what a BigTIFF says is written the usual way
        for tag in (_ORIENTATION, *_STORAGE_TAGS, *(() if gps else (_GPS_IFD,))):
            if tag in exif:
                del exif[tag]
        return exif.tobytes().removeprefix(_EXIF_PREFIX) if len(exif) else None
    except Exception as exc:  # a parser of foreign bytes may raise anything
        raise ValueError(f"not readable as EXIF ({str(exc).partition(chr(10))[0] or type(exc).__name__})") from exc


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Metadata on its way out, in a form that every format's writer takes.

    Attributes:
        icc, xmp: as stored, None = absent.
        exif: bare block for upright pixels, None = absent or not readable.
        notes: what had to be left out, in words.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()

    @property
    def exif_for_pillow(self) -> bytes | None:
        """The EXIF block as Pillow wants it."""
        return None if self.exif is None else _EXIF_PREFIX + self.exif


def carried(icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> Carried:
    """What of a file's metadata can be handed on; an orientation, which means nothing for our pixels, is dropped.

    A file made by others may hold an EXIF block that no parser reads: then the picture is delivered without it.
    """
    try:
        block = None if exif is None else stored_exif(exif)
    except ValueError as exc:
        return Carried(icc=icc, xmp=xmp, notes=(f"EXIF left out: {exc}",))
    return Carried(icc=icc, exif=block, xmp=xmp)


def is_srgb(icc: bytes) -> bool:
    """Whether a profile gives the colours that a picture without one has, within a grey level."""
    from PIL import ImageCms  # only pictures with a profile need it

    levels = np.linspace(0, 255, _STEPS).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(_STEPS, -1, 3)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        seen = ImageCms.profileToProfile(Image.fromarray(grid), profile, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    return seen is not None and bool(np.abs(np.asarray(seen).astype(int) - grid).max() <= 1)

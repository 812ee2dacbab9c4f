"""What of a picture's metadata goes into a file."""

from __future__ import annotations

from codec.container.file import Metadata
from codec.image.metadata import is_srgb, stored_exif
from codec.image.picture import Picture
from codec.image.rows_in import VipsRows


def kept_metadata(picture: Picture | VipsRows, strip: str) -> Metadata:
    """Metadata of a picture, as far as `strip` ("none", "gps" or "all") keeps it."""
    icc, exif, xmp = picture.icc, picture.exif, picture.xmp
    if icc is not None and is_srgb(icc):
        icc = None  # the same colours as without, for half a kilobyte or three
    if strip == "all":
        exif = None
    elif strip == "gps" and exif is not None:
        exif = stored_exif(exif, gps=False)
    # positions stand in XMP under many names, so that only no packet is a packet without one
    return Metadata(icc=icc, exif=exif, xmp=xmp if strip == "none" else None)

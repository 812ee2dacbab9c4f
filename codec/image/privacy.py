"""Metadata without the place where a photograph was taken."""

from __future__ import annotations

from PIL import Image

_GPS_IFD = 0x8825
#: Every XMP property that tells a position begins so (exif:GPSLatitude, exif:GPSAltitude, ...).
_GPS_XMP = b"GPS"


def exif_without_gps(exif: bytes) -> bytes:
    """The EXIF block without its GPS directory; unchanged if it has none."""
    block = Image.Exif()
    block.load(exif)
    if _GPS_IFD not in block:
        return exif
    del block[_GPS_IFD]
    return block.tobytes()


def xmp_without_gps(xmp: bytes) -> bytes | None:
    """The XMP packet if it tells no position; None if it does: a packet cannot be cut without rewriting it."""
    return None if _GPS_XMP in xmp else xmp

"""What a `.tadm` file says, as plain values: the meeting point of reader and writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codec.codings import is_lossless
from codec.geometry import Size


@dataclass(frozen=True, kw_only=True)
class Header:
    """The fixed fields of a file.

    Attributes:
        size: HR width and height in pixels.
        scale: HR/LR ratio, 1..255.
        coding: number of the payload coding, of `codec.codings.Coding` or one that this version does not know.
        quality: how coarsely, 0..99; 100 = lossless.
        grid: number of the tile grid preset, of `codec.container.constants.GridPreset` or one that this version does
            not know.
        model_id: 8 bytes that name the weights this file needs.
    """

    size: Size
    scale: int
    coding: int
    quality: int
    grid: int
    model_id: bytes

    @property
    def lossless(self) -> bool:
        """Whether the decoded LR equals the coded one."""
        return is_lossless(self.coding)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What rides along unchanged: ICC profile, EXIF and XMP as raw bytes, None = absent."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """A coded alpha channel: for the HR pixels of every slab a payload whose first channel is opacity."""

    coding: int
    parts: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class TadmFile:
    """A whole file.

    Attributes:
        header: fixed fields.
        slab: slab size in LR pixels; the LR's own size if there is one slab.
        payloads: coded LR slabs, row by row; those of a large file on disk are read when they are asked for.
        payload_bytes: size of the coded LR; worked out where it is not given.
        metadata: ICC, EXIF, XMP.
        timesteps: one byte t' a tile, row by row, t = 10 + 190 t'/255; None = the decoder predicts them. How many there
            must be is for the family of the grid preset to say.
        alpha: the coded alpha channel, None = opaque.
        unknown: ancillary chunks this version does not know, (type, body), kept in order.
    """

    header: Header
    slab: Size
    payloads: Sequence[bytes]
    metadata: Metadata = field(default_factory=Metadata)
    timesteps: bytes | None = None
    alpha: Alpha | None = None
    unknown: tuple[tuple[bytes, bytes], ...] = ()
    payload_bytes: int = -1

    def __post_init__(self) -> None:
        if self.payload_bytes < 0:
            object.__setattr__(self, "payload_bytes", sum(map(len, self.payloads)))

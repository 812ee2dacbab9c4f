"""What a `.tadm` file says, as plain values: the meeting point of reader and writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codec.container.constants import Coding, GridPreset
from codec.geometry import Size


@dataclass(frozen=True, kw_only=True)
class Header:
    """The fixed fields of a file.

    Attributes:
        size: HR width and height in pixels.
        scale: HR/LR ratio, 1..255.
        coding: how the payload is coded.
        quality: how coarsely, 0..99; 100 = lossless.
        grid: tile grid preset.
        model_id: 8 bytes that name the weights this file needs.
    """

    size: Size
    scale: int
    coding: Coding
    quality: int
    grid: GridPreset
    model_id: bytes


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What rides along unchanged: ICC profile, EXIF and XMP as raw bytes, None = absent."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """A coded alpha channel: for the HR pixels of every slab a payload whose first channel is opacity."""

    coding: Coding
    parts: list[bytes]


@dataclass(frozen=True, kw_only=True)
class TadmFile:
    """A whole file.

    Attributes:
        header: fixed fields.
        slab: slab size in LR pixels; the LR's own size if there is one slab.
        payloads: coded LR slabs, row by row.
        metadata: ICC, EXIF, XMP.
        timesteps: one byte t' a tile, row by row, t = 10 + 190 t'/255; None = the decoder predicts them.
        alpha: the coded alpha channel, None = opaque.
        unknown: ancillary chunks this version does not know, (type, body), kept in order.
    """

    header: Header
    slab: Size
    payloads: Sequence[bytes]
    metadata: Metadata = field(default_factory=Metadata)
    timesteps: bytes | None = None
    alpha: Alpha | None = None
    unknown: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def payload_bytes(self) -> int:
        """Size of the coded LR, without reading it where that is possible."""
        total = getattr(self.payloads, "total_bytes", None)
        return sum(len(p) for p in self.payloads) if total is None else int(total)

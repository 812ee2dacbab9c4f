"""What a file says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from codec.codings import label_of
from codec.container.file import TadmFile
from codec.decoding.opening import Data, parse
from codec.geometry import lr_size
from codec.options import DecodeLimits


@dataclass(frozen=True, kw_only=True)
class Info:
    """What a file says of itself, without decoding it.

    Attributes:
        width, height: HR size in pixels.
        scale: HR/LR ratio.
        lr_width, lr_height: LR size in pixels.
        payload: "av1", "png", "webp" or "jxl", or what a coding is called that this version does not know.
        quality: 0..99, 100 = lossless.
        bytes: size of the whole file.
        payload_bytes: size of the coded LR.
        bpp: bits of the whole file per HR pixel.
        model_id: hexadecimal id of the model it needs.
        grid: number of its tile grid preset, which names the way of decoding.
        slabs: number of separately coded pieces of LR.
        alpha, icc, exif, xmp, timesteps: whether the file holds one.
        unknown_chunks: ancillary chunks this version does not know.
    """

    width: int
    height: int
    scale: int
    lr_width: int
    lr_height: int
    payload: str
    quality: int
    bytes: int
    payload_bytes: int
    bpp: float
    model_id: str
    grid: int
    slabs: int
    alpha: bool
    icc: bool
    exif: bool
    xmp: bool
    timesteps: bool
    unknown_chunks: tuple[str, ...]

    @classmethod
    def of(cls, file: TadmFile, length: int) -> Info:
        """What a parsed file of so many bytes says."""
        header, size = file.header, file.header.size
        lr = lr_size(size, header.scale)
        return cls(
            width=size.width,
            height=size.height,
            scale=header.scale,
            lr_width=lr.width,
            lr_height=lr.height,
            payload=label_of(header.coding),
            quality=header.quality,
            bytes=length,
            payload_bytes=file.payload_bytes,
            bpp=8 * length / size.pixels,
            model_id=header.model_id.hex(),
            grid=header.grid,
            slabs=len(file.payloads),
            alpha=file.alpha is not None,
            icc=file.metadata.icc is not None,
            exif=file.metadata.exif is not None,
            xmp=file.metadata.xmp is not None,
            timesteps=file.timesteps is not None,
            unknown_chunks=tuple(kind.decode() for kind, _ in file.unknown),
        )


def read_info(data: Data, *, limits: DecodeLimits | None = None) -> Info:
    """What a file says of itself; decodes nothing.

    Everything but the payload is checked, and the payload's checksum too if it is one slab or `data` is bytes.

    Args:
        data: bytes, path or binary file object.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        InputError: this is neither bytes, a path nor a binary file object.

    Examples:
        >>> info = read_info("examples/sample.tadm")
        >>> info.width, info.height, info.scale
        (768, 512, 4)
    """
    parsed = parse(data, limits)
    with parsed.held:
        return Info.of(parsed.file, parsed.length)

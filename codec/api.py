"""The public verbs: encode, decode, read_info, thumbnail, check."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from codec.container.model import TadmFile
from codec.container.reader import is_tadm, read
from codec.container.source import FileSource
from codec.errors import InputError
from codec.geometry import Box, lr_size
from codec.options import DecodeLimits, DecodeOptions, EncodeOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from codec.image.picture import Source

Data = bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]


@dataclass(frozen=True, kw_only=True)
class Info:
    """What a file says of itself, without decoding it.

    Attributes:
        width, height: HR size in pixels.
        scale: HR/LR ratio.
        lr_width, lr_height: LR size in pixels.
        payload: "av1", "png", "webp" or "jxl".
        quality: 0..99, 100 = lossless.
        bytes: size of the whole file.
        payload_bytes: size of the coded LR.
        bpp: bits of the whole file per HR pixel.
        model_id: hexadecimal id of the model it needs.
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
    slabs: int
    alpha: bool
    icc: bool
    exif: bool
    xmp: bool
    timesteps: bool
    unknown_chunks: tuple[str, ...]


def check(prefix: bytes) -> bool:
    """Whether bytes begin as a `.tadm` file does; four are enough."""
    return is_tadm(bytes(prefix))


def read_info(data: Data, *, limits: DecodeLimits | None = None) -> Info:
    """What a file says of itself; decodes nothing.

    Everything but the payload is checked, and the payload's checksum too if it is one slab or `data` is bytes.

    Args:
        data: bytes, path or binary file object.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
    """
    with open_file(data, limits) as (file, length):
        return _info(file, length)


def _info(file: TadmFile, length: int) -> Info:
    header, size = file.header, file.header.size
    lr = lr_size(size, header.scale)
    return Info(
        width=size.width,
        height=size.height,
        scale=header.scale,
        lr_width=lr.width,
        lr_height=lr.height,
        payload=header.coding.name.lower(),
        quality=header.quality,
        bytes=length,
        payload_bytes=file.payload_bytes,
        bpp=8 * length / size.pixels,
        model_id=header.model_id.hex(),
        slabs=len(file.payloads),
        alpha=file.alpha is not None,
        icc=file.metadata.icc is not None,
        exif=file.metadata.exif is not None,
        xmp=file.metadata.xmp is not None,
        timesteps=file.timesteps is not None,
        unknown_chunks=tuple(kind.decode() for kind, _ in file.unknown),
    )


def encode(
    source: Source, *, options: EncodeOptions | None = None, model: str | None = None, device: str = "auto",
    **named: Any,  # noqa: ANN401 - fields of EncodeOptions
) -> bytes:  # fmt: skip
    """Encode a picture into a `.tadm` file.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image of any mode, or uint8 array [H, W, 3].
        options: an `EncodeOptions`; None = the defaults.
        model: name or folder of the model package to name in the file; None = the shipped one.
        device: where a large model's rescaler runs: "auto", "cpu", "cuda", ...; the shipped ones need no GPU.
        **named: fields of `EncodeOptions` that replace those of `options` (`scale=16, payload="png"`, `bpp=0.05`).

    Returns:
        The bytes of the file; the same input and options give the same bytes on one machine.

    Raises:
        InputError: the picture or an option cannot be used, or the target size cannot be met.
        ModelError: there is no model for this scale.
        LimitError: the picture has more pixels than Pillow opens, and pyvips is not installed.
        UnsupportedError: a payload or a very large picture needs a package that is not installed.
        OSError: the picture cannot be read.
    """
    from codec.encoder import encode as encode_picture

    return encode_picture(source, _options(EncodeOptions, options, named), model=model, device=device).data


def decode(
    data: Data, *, region: tuple[int, int, int, int] | None = None,
    options: DecodeOptions | None = None, limits: DecodeLimits | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None, **named: Any,  # noqa: ANN401 - fields of DecodeOptions
) -> Image:  # fmt: skip
    """Rebuild the photograph.

    Args:
        data: bytes, path or binary file object.
        region: x, y, width, height in HR pixels: decode only this part, from only the slabs it needs; the same pixels
            as in the whole (to the last bit on a CPU). None = everything.
        options: a `DecodeOptions`; None = the defaults.
        limits: None = the defaults.
        on_progress: called with (pieces done, pieces in all).
        **named: fields of `DecodeOptions` that replace those of `options` (`realism=0`).

    Returns:
        PIL image, RGB or RGBA, of the original's (or the region's) exact size. Its `info` has `icc_profile`, `exif`,
        `xmp` where the file has them, and `timesteps`: float32 array [rows, columns], one timestep a 64 px tile.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        ModelError: the model it names is not here, or cannot run on this device.
        InputError: an option has a wrong value, or the region is not inside the picture.
    """
    wanted = _options(DecodeOptions, options, named)
    from codec.decoder import decode as decode_file
    from codec.image.output import to_image

    with open_file(data, limits) as (file, _):
        area = None if region is None else box_of(region)
        result = decode_file(file, wanted, region=area, on_progress=on_progress)
    meta = file.metadata
    image = to_image(result.pixels, alpha=result.alpha, icc=meta.icc, exif=meta.exif, xmp=meta.xmp)
    image.info["timesteps"] = result.timesteps
    return image


def thumbnail(data: Data, *, limits: DecodeLimits | None = None) -> Image:
    """The stored LR picture, as anyone can see it: no model, no torch, no GPU.

    Args:
        data: bytes, path or binary file object.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
    """
    from codec.image.output import to_image
    from codec.lowres import LowRes

    with open_file(data, limits) as (file, _):
        return to_image(LowRes(file).whole(), icc=file.metadata.icc)


def box_of(region: tuple[int, int, int, int]) -> Box:
    """The rectangle of (x, y, width, height).

    Raises:
        InputError: these are not four whole numbers.
    """
    values = tuple(region)
    if len(values) != 4 or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise InputError(f"region is {region!r}, expected four whole numbers: x, y, width, height")
    return Box(*values)


def _options(kind: Any, options: Any, named: dict[str, Any]) -> Any:  # noqa: ANN401 - an options class and its instance
    """The options, with the named fields in place of theirs."""
    return kind.from_dict(named if options is None else options.to_dict() | named)


@contextmanager
def open_file(data: Data, limits: DecodeLimits | None = None) -> Iterator[tuple[TadmFile, int]]:
    """The parsed container and the file's size, for tools that look inside.

    Paths and seekable file objects are not read whole: the slabs of a large file are read when they are asked for,
    until the block ends.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        OSError: it cannot be read.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        yield read(bytes(data), limits), len(data)
    elif isinstance(data, str | os.PathLike):
        with open(data, "rb") as handle:  # noqa: PTH123 - accepts any PathLike
            yield _read_from(handle, limits)
    else:
        yield _read_from(data, limits)


def _read_from(handle: IO[bytes], limits: DecodeLimits | None) -> tuple[TadmFile, int]:
    """A file object: what can seek is read where it is needed, anything else (a pipe) whole."""
    if handle.seekable():
        source = FileSource(handle)
        return read(source, limits), source.size
    allowed = (limits or DecodeLimits()).file_bytes
    raw = handle.read(allowed + 1) if allowed else handle.read()
    if not isinstance(raw, bytes):
        raise InputError("file object is open in text mode, expected a binary one")
    return read(raw, limits), len(raw)

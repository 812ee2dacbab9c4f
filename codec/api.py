"""The public verbs: encode, decode, read_info, thumbnail, check."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from codec.container.model import TadmFile
from codec.container.reader import is_tadm, read
from codec.errors import InputError
from codec.geometry import lr_size
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
        payload: "png" or "av1".
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
    """What a file says of itself; checks the whole container, decodes nothing.

    Args:
        data: bytes, path or binary file object.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
    """
    raw = _bytes_of(data, limits)
    file = read(raw, limits)
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
        bytes=len(raw),
        payload_bytes=sum(len(p) for p in file.payloads),
        bpp=8 * len(raw) / size.pixels,
        model_id=header.model_id.hex(),
        slabs=len(file.payloads),
        alpha=file.alpha is not None,
        icc=file.metadata.icc is not None,
        exif=file.metadata.exif is not None,
        xmp=file.metadata.xmp is not None,
        timesteps=file.timesteps is not None,
        unknown_chunks=tuple(kind.decode() for kind, _ in file.unknown),
    )


def encode(source: Source, *, options: EncodeOptions | None = None, model: str | None = None, **named: Any) -> bytes:  # noqa: ANN401 - fields of EncodeOptions
    """Encode a picture into a `.tadm` file.

    Args:
        source: path, binary file object, PIL image of any mode, or uint8 array [H, W, 3].
        options: an `EncodeOptions`; or give its fields by name (`scale=16, payload="png"`).
        model: folder of the model package to name in the file; None = the shipped one.
        **named: fields of `EncodeOptions`.

    Returns:
        The bytes of the file; the same input and options give the same bytes on one machine.

    Raises:
        InputError: the picture or an option cannot be used.
        ModelError: there is no model for this scale.
        OSError: the picture cannot be read.
    """
    from codec.encoder import encode as encode_picture

    return encode_picture(source, _options(EncodeOptions, options, named), model=model)[0]


def decode(
    data: Data, *, options: DecodeOptions | None = None, limits: DecodeLimits | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None, **named: Any,  # noqa: ANN401 - fields of DecodeOptions
) -> Image:  # fmt: skip
    """Rebuild the photograph.

    Args:
        data: bytes, path or binary file object.
        options: a `DecodeOptions`; or give its fields by name (`realism=0`).
        limits: None = the defaults.
        on_progress: called with (pieces done, pieces in all).
        **named: fields of `DecodeOptions`.

    Returns:
        PIL image, RGB or RGBA, of the original's exact size. Its `info` has `icc_profile`, `exif`, `xmp` where the file
        has them, and `timesteps`: float32 array [rows, columns], one predicted timestep a 64 px tile.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        ModelError: the model it names is not here, or cannot run on this device.
        InputError: an option has a wrong value.
    """
    wanted = _options(DecodeOptions, options, named)
    file = read(_bytes_of(data, limits), limits)
    from codec.decoder import decode as decode_file
    from codec.image.output import to_image

    result = decode_file(file, wanted, on_progress=on_progress)
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
    file = read(_bytes_of(data, limits), limits)
    from codec.decoder import decode_lr
    from codec.image.output import to_image

    return to_image(decode_lr(file), icc=file.metadata.icc)


def read_file(data: Data, *, limits: DecodeLimits | None = None) -> TadmFile:
    """The parsed container, for tools that look inside; raises as `read_info`."""
    return read(_bytes_of(data, limits), limits)


def _options(kind: Any, options: Any, named: dict[str, Any]) -> Any:  # noqa: ANN401 - an options class and its instance
    if options is not None and named:
        raise TypeError("give either options= or its fields by name, not both")
    return kind.from_dict(named) if options is None else options


def _bytes_of(data: Data, limits: DecodeLimits | None) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    allowed = (limits or DecodeLimits()).file_bytes
    if isinstance(data, str | os.PathLike):
        with open(data, "rb") as handle:  # noqa: PTH123 - accepts any PathLike
            return _read_bounded(handle, allowed)
    return _read_bounded(data, allowed)


def _read_bounded(handle: IO[bytes], allowed: int) -> bytes:
    raw = handle.read(allowed + 1) if allowed else handle.read()
    if not isinstance(raw, bytes):
        raise InputError("file object gives text, expected bytes: open it in binary mode")
    return raw

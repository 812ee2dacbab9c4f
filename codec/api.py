"""The public verbs: encode, decode, open, thumbnail, check. Sugar over the engine and the opened file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from codec.arrays import Progress, no_progress
from codec.container.reader import is_tadm
from codec.decoding.image import Region, TadmImage, decode_options
from codec.decoding.opening import Data
from codec.engine import Engine, default_engine
from codec.errors import InputError
from codec.options import DecodeLimits, DecodeOptions, EncodeOptions, EngineOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from codec.image.picture import PictureSource


def check(prefix: bytes) -> bool:
    r"""Whether bytes begin as a `.tadm` file does; four are enough.

    Examples:
        >>> check(b"\x9cTDM"), check(b"\x89PNG")
        (True, False)
    """
    return is_tadm(bytes(prefix))


def open(
    data: Data, *, limits: DecodeLimits | None = None, engine: Engine | None = None, device: str = "auto",
    dtype: str = "auto", max_vram: float | None = None, compile: bool = False,
    model: str | os.PathLike[str] | None = None, any_model: bool = False,
) -> TadmImage:  # fmt: skip
    """An opened file: parsed once, its model found once, its LR decoded once. Close it, or use it in a `with` block.

    Args:
        data: bytes, path or binary file object; an object is not closed.
        limits: None = the defaults.
        engine: whose models and device to use; None = one that the plain functions share, made of what follows.
        device: "auto", "cpu", "cuda", "cuda:1", ...; this and what follows not beside an engine.
        dtype: "auto", "fp32" or "bf16".
        max_vram: GiB of GPU memory to use at most.
        compile: compile large networks first.
        model: name or folder of a model package to use.
        any_model: whether another model of the same family and scale may stand in for the file's own.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        InputError: this is neither bytes, a path nor a binary file object, or an option has a wrong value.

    Examples:
        >>> with open("examples/sample.tadm") as f:
        ...     f.thumbnail().size, f.decode(region=(0, 0, 64, 32), realism=0).size
        ((192, 128), (64, 32))
    """
    options = EngineOptions(
        device=device, dtype=dtype, max_vram=max_vram, compile=compile, model=model, any_model=any_model
    )
    return TadmImage(data, engine=_engine(engine, options), limits=limits)


def encode(
    source: PictureSource, *, options: EncodeOptions | None = None, scale: int | None = None,
    payload: str | None = None, quality: int | None = None, bpp: float | None = None, max_bytes: int | None = None,
    effort: str | None = None, chroma: str | None = None, strip: str | None = None, alpha_quality: int | None = None,
    engine: Engine | None = None, model: str | os.PathLike[str] | None = None, device: str = "auto",
) -> bytes:  # fmt: skip
    """Encode a picture into a `.tadm` file.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image of any mode, or uint8 array [H, W, 3].
        options: an `EncodeOptions`, which also says what each of its fields means; None = the defaults.
        scale: HR/LR ratio.
        payload: "av1", "png", "webp" or "jxl".
        quality: 0..99, larger is finer; lossy payloads only.
        bpp: at most so many bits a pixel: what is not given is chosen.
        max_bytes: at most so many bytes: likewise.
        effort: "fast", "default" or "best".
        chroma: "auto", "420" or "444".
        strip: "none", "gps" or "all".
        alpha_quality: 0..99 of a lossy alpha channel.
        engine: whose model the file is written for; None = one that the plain functions share.
        model: without an engine: name or folder of the model package; None = the newest shipped one.
        device: without an engine: where a large model's rescaler runs; the shipped models need no GPU.

    Returns:
        The bytes of the file; the same input and options give the same bytes on one machine.

    Raises:
        InputError: the picture or an option cannot be used, or the target size cannot be met.
        ModelError: there is no model for this scale.
        LimitError: the picture has more pixels than Pillow opens, and pyvips is not installed.
        UnsupportedError: a payload or a very large picture needs a package that is not installed.
        OSError: the picture cannot be read.

    Examples:
        >>> data = encode("examples/kodim21.png", bpp=0.02)
        >>> 8 * len(data) <= 0.02 * 768 * 512
        True
    """
    from codec.encoding.encoder import encode as encode_picture

    given = {
        "scale": scale, "payload": payload, "quality": quality, "bpp": bpp, "max_bytes": max_bytes, "effort": effort,
        "chroma": chroma, "strip": strip, "alpha_quality": alpha_quality,
    }  # fmt: skip
    if options is not None and not isinstance(options, EncodeOptions):
        raise InputError(f"options is a {type(options).__name__}, expected EncodeOptions")
    base = {} if options is None else options.to_dict()
    wanted = EncodeOptions.from_dict(base | {k: v for k, v in given.items() if v is not None})
    return encode_picture(source, wanted, _engine(engine, EngineOptions(model=model, device=device))).data


def decode(
    data: Data, *, region: Region | None = None, options: DecodeOptions | None = None, realism: float | None = None,
    seed: int | None = None, denoise: bool | None = None, fixed_timestep: float | None = None,
    passes: int | None = None, mark: bool | None = None, on_progress: Progress = no_progress,
    limits: DecodeLimits | None = None, engine: Engine | None = None, device: str = "auto", dtype: str = "auto",
    max_vram: float | None = None, compile: bool = False, model: str | os.PathLike[str] | None = None,
    any_model: bool = False,
) -> Image:  # fmt: skip
    """Rebuild the photograph.

    Args:
        data: bytes, path or binary file object.
        region: x, y, width, height in HR pixels: decode only this part, from only the slabs it needs; the same pixels
            as in the whole (to the last bit on a CPU). None = everything.
        options: a `DecodeOptions`, which also says what each of its fields means; None = the defaults.
        realism: 0..1; this and what follows in place of those of `options`.
        seed: of the specified noise.
        denoise: False shows the rescaler's own output.
        fixed_timestep: one timestep for every tile.
        passes: 1 = only the first pass of a model that has two.
        mark: False leaves the XMP as it is, without a word on who drew the texture.
        on_progress: called with (pieces done, pieces in all).
        limits: None = the defaults.
        engine: whose models and device to use; None = one that the plain functions share, made of what follows.
        device: "auto", "cpu", "cuda", "cuda:1", ...; this and what follows not beside an engine.
        dtype: "auto", "fp32" or "bf16".
        max_vram: GiB of GPU memory to use at most.
        compile: compile large networks first.
        model: name or folder of a model package to use.
        any_model: whether another model of the same family and scale may stand in for the file's own.

    Returns:
        PIL image, RGB or RGBA, of the original's (or the region's) exact size. Its `info` has `icc_profile` and `exif`
        where the file has them, `xmp`, which also says whether a network drew the texture, and `timesteps`: rows of the
        timestep a tile, before realism. A tile is 64 pixels a side, cut to what the region touches; for models of the
        family `sd21` one of the denoiser's, of the whole picture; of `tadsr` and `tudsr` there is one row, the timestep
        of every pass. Metadata that cannot be read is left out with a warning.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        ModelError: the model it names is not here, or cannot run on this device.
        InputError: an option has a wrong value, or the region is not inside the picture.

    Examples:
        >>> decode("examples/sample.tadm", realism=0).size
        (768, 512)
    """
    wanted = decode_options(options, realism, seed, denoise, fixed_timestep, passes, mark)
    with open(
        data, limits=limits, engine=engine, device=device, dtype=dtype, max_vram=max_vram, compile=compile,
        model=model, any_model=any_model,
    ) as image:  # fmt: skip
        return image.decode(region=region, options=wanted, on_progress=on_progress)


def thumbnail(data: Data, *, limits: DecodeLimits | None = None) -> Image:
    """The stored LR picture, as anyone can see it: no model, no torch, no GPU.

    Args:
        data: bytes, path or binary file object.
        limits: None = the defaults.

    Raises:
        FormatError, UnsupportedError, LimitError: the file is broken, too new, or asks for too much.
        InputError: this is neither bytes, a path nor a binary file object.

    Examples:
        >>> thumbnail("examples/sample.tadm").size
        (192, 128)
    """
    with open(data, limits=limits) as image:
        return image.thumbnail()


def restore(
    source: PictureSource, *, scale: int | None = None, options: DecodeOptions | None = None,
    realism: float | None = None, seed: int | None = None, denoise: bool | None = None,
    fixed_timestep: float | None = None, passes: int | None = None, mark: bool | None = None, quality: int = 100,
    on_progress: Progress = no_progress, limits: DecodeLimits | None = None, engine: Engine | None = None,
    device: str = "auto", dtype: str = "auto", max_vram: float | None = None, compile: bool = False,
    model: str | os.PathLike[str] | None = None,
) -> Image:  # fmt: skip
    """Enlarge a bare picture that is no file of ours, by a model that reads any LR picture.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image of any mode, or uint8 array [H, W, 3].
        scale: how much larger; None = 4 if the model has it.
        options: a `DecodeOptions`; None = the defaults.
        realism: 0..1; this and what follows in place of those of `options`.
        seed: of the specified noise.
        denoise: False shows the rescaler's own output.
        fixed_timestep: one timestep for every tile.
        passes: 1 = only the first pass of a model that has two.
        mark: False leaves the XMP as it is, without a word on who drew the texture.
        quality: what compact models are told of the picture: 0..99 = coded by AV1 at about that quality, 100 = not
            coded lossily.
        on_progress: called with (pieces done, pieces in all).
        limits: None = the defaults.
        engine: whose models and device to use; None = one that the plain functions share, made of what follows.
        device: "auto", "cpu", "cuda", "cuda:1", ...; this and what follows not beside an engine.
        dtype: "auto", "fp32" or "bf16".
        max_vram: GiB of GPU memory to use at most.
        compile: compile large networks first.
        model: name or folder of a model package; None = the newest shipped one.

    Returns:
        PIL image, RGB or RGBA, `scale` times as large, with the picture's metadata in its `info`.

    Raises:
        InputError: the picture or an option cannot be used.
        ModelError: no model restores pictures at this scale, or it cannot run on this device.
        LimitError: the picture or the result has too many pixels.
        OSError: the picture cannot be read.

    Examples:
        >>> restore(thumbnail("examples/sample.tadm").crop((0, 0, 16, 8)), realism=0).size
        (64, 32)
    """
    from codec.decoding.restoring import restore_picture

    shared = EngineOptions(device=device, dtype=dtype, max_vram=max_vram, compile=compile, model=model)
    wanted = decode_options(options, realism, seed, denoise, fixed_timestep, passes, mark)
    return restore_picture(
        source, _engine(engine, shared), wanted, scale=scale, quality=quality, limits=limits, on_progress=on_progress
    )


def _engine(engine: Engine | None, options: EngineOptions) -> Engine:
    if engine is None:
        return default_engine(options)
    if not isinstance(engine, Engine):
        raise InputError(f"engine is a {type(engine).__name__}, expected a codec.Engine")
    if options != EngineOptions():
        raise InputError("an engine has its own device and models: give these to the engine")
    return engine

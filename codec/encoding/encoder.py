"""Picture -> `.tadm` bytes. Joins image, model, payload and container."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from codec.arrays import PixelArray, crop
from codec.codings import LOSSLESS_PAYLOADS, Coding
from codec.container.file import Alpha, Header, Metadata, TadmFile
from codec.container.writer import write
from codec.encoding.choosing import best_by_looking, best_by_table
from codec.encoding.looking import SQUARES, Squares
from codec.encoding.metadata import kept_metadata
from codec.encoding.settings import Settings
from codec.encoding.table import Curve, curves, guessed
from codec.encoding.target import Choice, Found, Target
from codec.engine import Engine
from codec.errors import InputError, ModelError
from codec.geometry import STREAM_PIXELS, TIMESTEP_TILE, Size, hr_boxes, padded, slab_boxes, slab_size
from codec.image.picture import Picture, PictureSource, load
from codec.image.rows_in import ArrayRows, RowSource, VipsRows
from codec.models.package import Package
from codec.optional import has
from codec.options import DecodeLimits, EncodeOptions
from codec.payload.alpha import encode_alpha
from codec.payload.registry import payload_for


@dataclass(frozen=True)
class Encoded:
    """An encoded picture.

    Attributes:
        data: bytes of the `.tadm` file.
        size: of the picture in pixels.
        options: those that give the same bytes again, chosen ones included.
        notes: what was converted on the way in, in words.
    """

    data: bytes
    size: Size
    options: EncodeOptions
    notes: tuple[str, ...]


def encode(source: PictureSource, options: EncodeOptions, engine: Engine) -> Encoded:
    """Encode a picture. Files of more than 67 megapixels are streamed where pyvips is installed: memory does not grow
    with their height.

    Args:
        source: path, bytes of a picture file, binary file object, PIL image, or uint8 array [H, W, 3].
        options: scale, payload, quality or target, and the rest.
        engine: whose model the file is written for.

    Raises:
        InputError: the picture cannot be used, or the target cannot be met.
        UnsupportedError: a picture this large needs a package that is not installed.
        ModelError: no model for this scale.
        OSError: the file cannot be read.
    """
    package = _package(engine, options)
    if isinstance(source, str | os.PathLike) and _is_large(Path(source)):
        return _encode_large(Path(source), options, engine, package)
    picture = load(source)
    work = _Picture(picture, options, engine)
    data, settings = work.chosen(package)
    return Encoded(data, work.size, settings.named(options), (*picture.notes, *_beyond_limits(work.size)))


class _Picture:
    """One picture on its way into files: what several tries at a target size share is made once."""

    def __init__(self, picture: Picture, options: EncodeOptions, engine: Engine) -> None:
        self.size = Size(picture.pixels.shape[1], picture.pixels.shape[0])
        self._picture, self._options, self._engine = picture, options, engine
        self._metadata = kept_metadata(picture, options.strip)
        self._strips: dict[tuple[int, int | None], list[PixelArray]] = {}
        self._alpha: dict[int, Alpha] = {}
        self._files: dict[tuple[object, ...], TadmFile] = {}

    def chosen(self, package: Package) -> tuple[bytes, Settings]:
        """The file that the options ask for, and the settings that give it.

        Raises:
            InputError: nothing fits, or there is no table for this model.
        """
        options = self._options
        looks = package.family.looks and options.effort != "fast"
        settings = Settings.of(replace(options, bpp=None, max_bytes=None), package)
        usual = None
        if looks and (options.scale, options.quality) == (None, None) and not settings.lossless:
            data = self.file(replace(settings, effort="fast"))  # tells how busy the picture is
            usual = Found(data, Choice(settings.scale, settings.coding.label, settings.quality, "fast"), 0.0)
        if options.has_target:
            limit = options.max_bytes or int((options.bpp or 0) * self.size.pixels / 8)
        elif usual is None:
            return self.file(settings), settings
        else:
            limit = len(usual.data)  # as many bytes as usual, spent where they do most for this photograph
        target = Target(
            limit, self.size.pixels, lambda c: self.file(self._settings(c, package)), options.effort, options.chroma,
            exact=options.has_target,
        )  # fmt: skip
        candidates = _candidates(package, options, guess=looks)
        for curve in candidates:
            if usual is not None and (curve.scale, curve.payload) == (usual.choice.scale, usual.choice.payload):
                target = target.knowing(usual, curve)
        if looks:
            squares = Squares(self._picture.pixels, package, self._engine, count=SQUARES[options.effort])

            def look(choice: Choice) -> float:
                return squares.score(self._made(self._settings(choice, package)))

            found = best_by_looking(target, candidates, look, thorough=options.effort == "best")
        else:
            found = best_by_table(target, candidates)
        return found.data, self._settings(found.choice, package)

    def file(self, settings: Settings) -> bytes:
        """The whole file at these settings."""
        return write(self._made(settings))

    def _made(self, settings: Settings) -> TadmFile:
        key = (settings.scale, settings.coding, settings.quality, settings.effort, settings.chroma)
        if key not in self._files:
            lr, alpha = self._lr(settings), self._coded_alpha(settings.scale)
            self._files[key] = _file(self.size, lr, settings, self._metadata, alpha)
        return self._files[key]

    def _lr(self, settings: Settings) -> list[PixelArray]:
        key = (settings.scale, self._engine.encoder(settings.package, settings.scale).told(settings.quality))
        if key not in self._strips:
            self._strips[key] = list(_lr_strips(ArrayRows(self._picture.pixels), settings, self._engine))
        return self._strips[key]

    def _settings(self, choice: Choice, package: Package) -> Settings:
        """What a choice means for a package."""
        lossless = choice.payload in LOSSLESS_PAYLOADS
        asked = replace(
            self._options, bpp=None, max_bytes=None, scale=choice.scale, payload=choice.payload, effort=choice.effort,
            quality=None if lossless else choice.quality, chroma="auto" if lossless else choice.chroma,
        )  # fmt: skip
        return Settings.of(asked, package)

    def _coded_alpha(self, scale: int) -> Alpha | None:
        """The alpha channel, cut like the slabs."""
        alpha, options = self._picture.alpha, self._options
        if alpha is None:
            return None
        if scale not in self._alpha:
            cut = [crop(alpha, box) for box in hr_boxes(self.size, slab_size(self.size, scale), scale)]
            coding, parts = encode_alpha(cut, quality=options.alpha_quality, effort=options.effort)
            self._alpha[scale] = Alpha(coding=coding, parts=parts)
        return self._alpha[scale]


def _package(engine: Engine, options: EncodeOptions) -> Package:
    """The package to write for: the first that has the scale.

    Raises:
        ModelError: none has it.
    """
    found = engine.packages()
    for package in found:
        if options.scale is None or options.scale in package.scales:
            return package
    listed = ", ".join(f"{p.name} (scales {', '.join(map(str, p.scales))})" for p in found)
    raise ModelError(f"no model for scale {options.scale}; there are {listed}")


def _candidates(package: Package, options: EncodeOptions, *, guess: bool) -> list[Curve]:
    """Curves of the scales and payloads that may be used for a target.

    Args:
        package: that the file is written for.
        options: what may be chosen.
        guess: whether rough curves will do where none were measured with this package.

    Raises:
        InputError: they will not.
    """
    table = curves(package.name) or (guessed(package.scales) if guess else None)
    if table is None:
        raise InputError(f"no table of rates for the model {package.name}: give a quality instead of a target size")
    return [
        curve
        for curve in table
        if curve.scale in package.scales
        and options.scale in (None, curve.scale)
        # a payload that not every reader has is taken only when it is asked for
        and (options.payload == curve.payload if options.payload else not Coding.labelled(curve.payload).optional)
        # chroma has a meaning for lossy payloads alone
        and (options.chroma == "auto" or curve.payload not in LOSSLESS_PAYLOADS)
    ]


def _encode_large(path: Path, options: EncodeOptions, engine: Engine, package: Package) -> Encoded:
    if options.has_target:
        raise InputError(f"{path}: pictures this large are read only once; give a quality instead of a target size")
    rows, settings = VipsRows(path), Settings.of(options, package)
    metadata = kept_metadata(rows, options.strip)
    data = write(_file(rows.size, _lr_strips(rows, settings, engine), settings, metadata))
    return Encoded(data, rows.size, settings.named(options), (*rows.notes, *_beyond_limits(rows.size)))


def _beyond_limits(size: Size) -> tuple[str, ...]:
    """A word of warning for pictures that readers refuse by default."""
    if padded(size.width, TIMESTEP_TILE) * padded(size.height, TIMESTEP_TILE) <= DecodeLimits().pixels:
        return ()
    return ("larger than readers accept by default: decode it with a higher limit of pixels",)


def _lr_strips(rows: RowSource, settings: Settings, engine: Engine) -> Iterator[PixelArray]:
    """The LR in strips, one a row of slabs, as the model that the file is written for makes it."""
    height = slab_size(rows.size, settings.scale).height
    return engine.encoder(settings.package, settings.scale).strips(rows, height, settings.quality)


def _file(
    size: Size, strips: Iterable[PixelArray], settings: Settings, metadata: Metadata, alpha: Alpha | None = None
) -> TadmFile:  # fmt: skip
    """The file of a picture whose LR comes in strips, one a row of slabs."""
    payload, slab = payload_for(settings.coding), slab_size(size, settings.scale)
    header = Header(
        size=size,
        scale=settings.scale,
        coding=settings.coding,
        quality=settings.quality,
        grid=settings.package.family.preset,
        model_id=settings.package.model_id(settings.scale),
    )

    def code(piece: PixelArray) -> bytes:
        pixels = np.ascontiguousarray(piece)
        return payload.encode(pixels, quality=settings.quality, effort=settings.effort, chroma=settings.chroma)

    # slabs of a row are coded side by side; the next row is made when these are done, so that few are in memory
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        payloads = [data for strip in strips for data in pool.map(code, _cut(strip, slab.width))]
    return TadmFile(header=header, slab=slab, payloads=payloads, metadata=metadata, alpha=alpha)


def _cut(strip: PixelArray, width: int) -> Iterator[PixelArray]:
    size = Size(strip.shape[1], strip.shape[0])
    for box in slab_boxes(size, Size(width, size.height)):
        yield crop(strip, box)


def _is_large(path: Path) -> bool:
    """Whether a file is one to be read in rows; not being a picture is for the loader to say."""
    # pipes can be read only once, and without pyvips what fits into memory still goes
    if not path.is_file() or not has("pyvips"):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return image.width * image.height > STREAM_PIXELS
        except Image.DecompressionBombError:
            return True
        except Exception:  # the loader meets it again, and says what it is
            return False

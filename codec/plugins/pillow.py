"""Pillow reads and writes `.tadm` files once this module is imported.

    import codec.plugins.pillow
    from PIL import Image

    with Image.open("photo.tadm") as im:  # size, mode and info; nothing is decoded, no model, no torch
        im.draft("RGB", (160, 120))  # the stored LR where it is large enough: still no model
        im.options = codec.DecodeOptions(realism=0)  # what `load` does otherwise
        im.load()
    other.save("other.tadm", quality=20, exif=other.getexif())

Habits are Pillow's: a file that is broken or cannot be decoded is an `OSError`, a wrong option of `save` a
`ValueError`; `save` writes the ICC profile of `info`, but EXIF and XMP only when they are given. `Image.thumbnail` asks
`draft` for twice the size that it is to make (its `reducing_gap`): with `reducing_gap=1` it takes the LR more often.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from codec.api import check
from codec.api import open as open_file
from codec.decoding.alpha import alpha_of
from codec.decoding.image import TadmImage
from codec.encoding.encoder import encode
from codec.engine import Engine, default_engine
from codec.errors import InputError, LimitError, TadmError
from codec.options import DecodeLimits, DecodeOptions, EncodeOptions, EngineOptions

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

FORMAT = "TADM"
MIME = "image/x-tadm"
#: Keys of `info` that `save` has options for; everything else there (transparency) says how pixels are to be read.
_CARRIED = ("exif", "icc_profile", "xmp")
_engine: Engine | None = None


class TadmImageFile(ImageFile.ImageFile):
    """A `.tadm` file in Pillow.

    Attributes:
        options: how `load` rebuilds the photograph; may be set until then.
    """

    format = FORMAT
    format_description = "TADM image"
    options = DecodeOptions()
    _opened: TadmImage | None = None
    _drafted = False

    def _open(self) -> None:
        assert self.fp is not None
        if not check(self.fp.read(4)):
            raise SyntaxError("not a .tadm file")
        with _as_pillow_says():
            self._opened = open_file(self.fp, limits=_limits(), engine=_shared_engine())
            info, carried = self._opened.info, self._opened.metadata()
        self._size, self._mode = (info.width, info.height), "RGBA" if info.alpha else "RGB"
        for key, value in zip(_CARRIED, (carried.exif_for_pillow, carried.icc, carried.xmp), strict=True):
            if value is not None:
                self.info[key] = value
        self.tile = [ImageFile._Tile("tadm", (0, 0, *self.size), 0, None)]

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Take the stored LR instead of the photograph if it is not smaller than `size`; the mode stays.

        Returns:
            Mode, and the whole picture as a box in pixels of the LR; None where nothing changed.
        """
        if not self.tile or self._opened is None or self._drafted or size is None:
            return None
        info = self._opened.info
        if info.lr_width < size[0] or info.lr_height < size[1] or info.scale == 1:
            return None
        self._drafted, self._size = True, (info.lr_width, info.lr_height)
        self.tile = [ImageFile._Tile("tadm", (0, 0, *self.size), 0, None)]
        return self.mode, (0, 0, info.width / info.scale, info.height / info.scale)

    def load(self) -> PixelAccess | None:
        """Rebuild the photograph, or decode the LR after `draft`.

        Raises:
            OSError: the file is broken, needs a model that is not here, or this installation cannot read it.
        """
        if self.tile and self._opened is not None:
            with _as_pillow_says():
                made = self._small(self._opened) if self._drafted else self._whole(self._opened)
            self.im, self.readonly, self.tile = made.im, 0, []
            for key in made.info.keys() - self.info.keys():
                self.info[key] = made.info[key]
            self._opened = None
            if self._exclusive_fp and self._close_exclusive_fp_after_loading and self.fp is not None:
                self.fp.close()
            self.fp = None
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Nothing to do: `load` finds its own way; its presence tells `ImageFile.Parser` to wait for the whole file."""

    def verify(self) -> None:
        """Decode LR and alpha, without a model; the file is closed.

        Raises:
            OSError: the file is broken.
        """
        if self._opened is not None:
            with _as_pillow_says():
                self._opened.verify(model=False)
            self._opened = None
        super().verify()

    def _whole(self, opened: TadmImage) -> Image.Image:
        return opened.decode(options=self.options)

    def _small(self, opened: TadmImage) -> Image.Image:
        """The LR, with an alpha channel of its size where the photograph has one."""
        small = opened.thumbnail()
        alpha = alpha_of(opened.container, opened.area(None))
        if alpha is not None:
            small.putalpha(Image.fromarray(alpha).resize(small.size, Image.Resampling.BOX))
        return small


def register(*, options: DecodeOptions | None = None, engine: Engine | None = None) -> None:
    """Tell Pillow of the format; importing this module does so with the defaults, and it may be done again.

    Args:
        options: how photographs are rebuilt where an opened image has no options of its own.
        engine: whose models and device are used; None = the one that the plain functions share.
    """
    global _engine
    TadmImageFile.options, _engine = options or DecodeOptions(), engine
    Image.register_open(FORMAT, TadmImageFile, check)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ".tadm")
    Image.register_mime(FORMAT, MIME)


def _save(image: Image.Image, target: IO[bytes], filename: str | bytes) -> None:
    """`Image.save`: takes the fields of `codec.EncodeOptions`, `exif`, `icc_profile`, `xmp`, and `engine`."""
    given: dict[str, Any] = image.encoderinfo
    # other formats' options mean nothing here and are passed over, as Pillow's own writers do
    named = {k: given[k] for k in EncodeOptions.__dataclass_fields__ if given.get(k) is not None}
    options = EncodeOptions.from_dict(named)
    plain = image.copy()
    plain.info = {k: v for k, v in image.info.items() if k not in _CARRIED}
    exif = given.get("exif")
    for key, value in (
        ("exif", exif.tobytes() if isinstance(exif, Image.Exif) else exif),
        ("icc_profile", given.get("icc_profile", image.info.get("icc_profile"))),
        ("xmp", given.get("xmp")),
    ):
        if value:
            plain.info[key] = value
    with _as_pillow_says():
        target.write(encode(plain, options, given.get("engine") or _shared_engine()).data)


def _shared_engine() -> Engine:
    return _engine or default_engine(EngineOptions())


def _limits() -> DecodeLimits:
    """Pillow's own limit of pixels in place of ours; it warns of half as many by itself."""
    return DecodeLimits(pixels=2 * Image.MAX_IMAGE_PIXELS if Image.MAX_IMAGE_PIXELS else 0)


@contextmanager
def _as_pillow_says() -> Iterator[None]:
    """Our errors as those that callers of Pillow expect."""
    try:
        yield
    except LimitError as exc:
        if exc.limit == "pixels":
            raise Image.DecompressionBombError(str(exc)) from exc
        raise OSError(str(exc)) from exc
    except InputError:
        raise  # a ValueError
    except TadmError as exc:
        raise OSError(str(exc)) from exc


register()

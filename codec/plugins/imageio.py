"""imageio v3 reads and writes `.tadm` files once this module is imported.

import codec.plugins.imageio
import imageio.v3 as iio

pixels = iio.imread("photo.tadm", realism=0.5)
small = iio.imread("photo.tadm", lr=True)  # the stored LR: no model, no torch
iio.improps("photo.tadm").shape  # decodes nothing
iio.imwrite("other.tadm", pixels, quality=20)
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any

import numpy as np
import numpy.typing as npt
from imageio import config
from imageio.core.request import URI_BYTES, InitializationError, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

from codec.api import check, encode
from codec.api import open as open_file
from codec.arrays import PixelArray
from codec.decoding.image import Region
from codec.errors import InputError, TadmError

_NAME, _SUFFIX = "tadm", ".tadm"


class TadmPlugin(PluginV3):  # type: ignore[misc] # imageio is untyped
    """One picture a file; see the contract of `imageio.core.v3_plugin_api.PluginV3`."""

    def __init__(self, request: Request) -> None:
        """Look whether the file is ours.

        Raises:
            InitializationError: it is not, or does not end as it should in order to be written.
        """
        super().__init__(request)
        self._reading = request.mode.io_mode.value == "r"
        if self._reading:
            if not check(request.firstbytes[:4]):
                raise InitializationError("not a .tadm file")
            try:
                self._file = open_file(request.get_file())
            except TadmError as exc:
                raise InitializationError(str(exc)) from exc
        elif request.extension not in (_SUFFIX, None):
            raise InitializationError(f"tadm writes files that end in {_SUFFIX}")

    def read(
        self, *, index: int | EllipsisType | None = None, lr: bool = False, region: Region | None = None,
        realism: float | None = None, seed: int | None = None,
    ) -> PixelArray:  # fmt: skip
        """The photograph, uint8 [H, W, 3], or [H, W, 4] where it has alpha.

        Args:
            index: 0 or None; ... puts an axis of length 1 in front.
            lr: the stored LR instead, [h, w, 3].
            region: x, y, width, height in HR pixels: only this part.
            realism: 0..1; see `codec.decode`.
            seed: of the specified noise.

        Raises:
            ValueError: there is one picture only, or an option has a wrong value.
            codec.TadmError: the file is broken or its model is not here.
        """
        _only(index)
        made = self._file.thumbnail() if lr else self._file.decode(region=region, realism=realism, seed=seed)
        pixels = np.array(made)
        return pixels[None] if index is ... else pixels

    def iter(self, **options: Any) -> Iterator[PixelArray]:  # noqa: ANN401 - those of `read`
        """The one picture; options as `read`."""
        yield self.read(**options)

    def write(self, ndimage: npt.ArrayLike | list[npt.ArrayLike], **options: Any) -> bytes | None:  # noqa: ANN401
        """Encode one picture, uint8 [H, W, 3] or [H, W], or [H, W, 4] with alpha.

        Args:
            ndimage: the picture, or a list that holds it alone.
            options: as `codec.encode`.

        Returns:
            The file where the target is "<bytes>", else None.

        Raises:
            ValueError: more than one picture, a wrong array or option.
        """
        pixels = np.asarray(ndimage)
        if isinstance(ndimage, list) or pixels.ndim == 4:
            if len(pixels) != 1:
                raise InputError(f"a .tadm file holds one picture, not {len(pixels)}")
            pixels = np.asarray(pixels[0])
        data = encode(_with_alpha(pixels) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels, **options)
        self.request.get_file().write(data)
        return data if self.request._uri_type == URI_BYTES else None

    def properties(self, index: int | EllipsisType | None = 0) -> ImageProperties:
        """Shape and type; decodes nothing."""
        _only(index)
        info = self._file.info
        shape = (info.height, info.width, 4 if info.alpha else 3)
        if index is ...:
            return ImageProperties(shape=(1, *shape), dtype=np.dtype(np.uint8), n_images=1, is_batch=True)
        return ImageProperties(shape=shape, dtype=np.dtype(np.uint8), is_batch=False)

    def metadata(self, index: int | EllipsisType | None = 0, exclude_applied: bool = True) -> dict[str, Any]:
        """What `codec.read_info` says, and `icc_profile`, `exif`, `xmp` as bytes where the file has them."""
        _only(index)
        carried = self._file.metadata()
        found = {"icc_profile": carried.icc, "exif": carried.exif, "xmp": carried.xmp}
        info = {f: getattr(self._file.info, f) for f in type(self._file.info).__dataclass_fields__}
        return info | {k: v for k, v in found.items() if v is not None}


def _only(index: int | EllipsisType | None) -> None:
    if index not in (0, None, ...):
        raise InputError(f"index is {index!r}: a .tadm file holds one picture")


def _with_alpha(pixels: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - a PIL image
    from PIL import Image

    if pixels.dtype != np.uint8:
        raise InputError(f"array is {pixels.dtype} {pixels.shape}, expected uint8")
    return Image.fromarray(pixels)


def register() -> None:
    """Tell imageio of the format; importing this module does."""
    config.known_plugins[_NAME] = config.PluginConfig(
        name=_NAME, class_name=TadmPlugin.__name__, module_name=__name__, install_name="tadmc"
    )
    extension = config.FileExtension(name="TADM image", extension=_SUFFIX, priority=[_NAME])
    if _SUFFIX not in config.known_extensions:
        config.extension_list.append(extension)
    config.known_extensions[_SUFFIX] = [extension]


register()

"""What the bench asks of a codec: pixels and a setting -> bytes of a file; the file -> pixels."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from bench.errors import CodecError
from bench.photos import Photo, PixelArray


@dataclass(frozen=True, kw_only=True)
class CodecOptions:
    """What adapters may need beside their name.

    Attributes:
        model: folder of the model package of ours; None = the shipped one.
        device: where ours runs: "auto", "cpu", "cuda", ...; the compact family always encodes on the CPU.
        dtype: its precision: "auto", "fp32", "bf16".
        compile: whether large networks of ours are compiled first.
        engine: what runs them: "auto", "onnx", "openvino", "torch".
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False
    engine: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the decoding process knows beside the bytes of the file.

    Attributes:
        name: of the photograph; only codecs that look up foreign results use it.
        width, height: HR size. Most files hold it; a downscaled peer's file does not and gets it for nothing.
    """

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        pixels: uint8 [H, W, 3], HR size.
        timesteps: rows of timesteps a tile, where the codec has any.
    """

    pixels: PixelArray
    timesteps: list[list[float]] | None = field(default=None)


class Codec(ABC):
    """One codec at one configuration, with one setting that moves the rate.

    Attributes:
        name: what users write, e.g. "avif/4"; unique.
        title: what people read, e.g. "AVIF at 1/4".
        suffix: ending of its files.
        family: which codec it is without its variants, e.g. "avif"; gives the colour in plots.
        settings: values of the setting from the smallest file to the largest.
        setting_name: what the setting is called.
        scale: HR/LR ratio of what is coded; 1 = the full picture.
        parts: 0, or the codec is told a rate and comes below it by itself: its settings are then 1, 2, 3, ... in so
            many parts of a bit a pixel.
    """

    name: str
    title: str
    suffix: ClassVar[str]
    family: str
    settings: tuple[int, ...]
    setting_name: ClassVar[str] = "quality"
    scale: int = 1
    parts: int = 0

    @property
    def encode_key(self) -> str:
        """Codecs with the same key write the same files and differ only in how they decode."""
        return self.name

    @abstractmethod
    def version(self) -> str:
        """Names and versions of the software that codes, on one line."""

    @abstractmethod
    def encode(self, photo: Photo, setting: int) -> bytes:
        """Bytes of a whole file.

        Raises:
            CodecError: the codec refuses the picture.
        """

    @abstractmethod
    def decode(self, data: bytes, expected: Expected) -> Decoded:
        """Picture of a whole file.

        Raises:
            CodecError: the bytes do not decode.
        """

    def describe(self) -> Mapping[str, str | int]:
        """What a results file says of this codec."""
        return {
            "title": self.title,
            "family": self.family,
            "scale": self.scale,
            "setting": self.setting_name,
            "version": self.version(),
        }


def fingerprint(data: bytes) -> str:
    """Tells one file from another: 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def check_shape(pixels: PixelArray, name: str, width: int, height: int) -> PixelArray:
    """The pixels, if they are uint8 [height, width, 3].

    Raises:
        CodecError: they are not.
    """
    if pixels.dtype.name != "uint8" or pixels.shape != (height, width, 3):
        raise CodecError(f"{name}: decoded to {pixels.dtype} {pixels.shape}, expected uint8 {(height, width, 3)}")
    return pixels

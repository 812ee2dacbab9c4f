"""tadmc itself, through its public functions: one scale, one payload and one realism a codec."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

import codec
from bench.codecs.base import Codec, CodecOptions, Decoded, Expected
from bench.errors import CodecError, MissingError
from bench.photos import Photo
from codec.models.identity import open_package
from codec.models.library import shipped
from codec.options import PAYLOADS

#: The payload that is meant when a name gives none.
DEFAULT_PAYLOAD = "av1"
_LOSSLESS = 100


class Tadm(Codec):
    """`tadm/SCALE[-PAYLOAD]:rREALISM`; the setting is the payload's quality."""

    family = "tadm"
    suffix = ".tadm"

    def __init__(self, scale: int, payload: str, realism: float, options: CodecOptions) -> None:
        tail = "" if payload == DEFAULT_PAYLOAD else f"-{payload}"
        self.name = f"tadm/{scale}{tail}:r{realism:g}"
        self.title = f"tadmc {scale}x {payload.upper()}, realism {realism:g}"
        self.scale, self.payload, self.realism = scale, payload, realism
        self._options = options
        if scale not in scales(options.model):
            known = ", ".join(map(str, scales(options.model))) or "none"
            raise MissingError(f"{self.name}: no model for scale {scale} (there is {known}); name a package with --model")
        if payload not in PAYLOADS:
            raise MissingError(f"{self.name}: this tadmc has no payload {payload!r}, only {', '.join(PAYLOADS)}")
        try:
            lossless = _is_lossless(scale, payload, options.model)
        except codec.TadmError as exc:
            raise MissingError(f"{self.name}: {exc}") from exc
        self.settings = (_LOSSLESS,) if lossless else tuple(range(100))

    @property
    def encode_key(self) -> str:
        """Realism is decided by the decoder."""
        return self.name.partition(":")[0]

    def version(self) -> str:
        return f"tadmc {codec.__version__}, model {model_id(self.scale, self._options.model)}"

    def encode(self, photo: Photo, setting: int) -> bytes:
        quality = {} if setting == _LOSSLESS else {"quality": setting}
        try:
            return codec.encode(
                photo.pixels, scale=self.scale, payload=self.payload, model=self._options.model, **quality
            )
        except codec.TadmError as exc:
            raise CodecError(f"{self.name} at {setting}: {photo.name} cannot be encoded ({exc})") from exc

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        try:
            image = codec.decode(
                data, realism=self.realism, model=self._options.model, device=self._options.device
            )
        except codec.TadmError as exc:
            raise CodecError(f"{self.name}: {exc}") from exc
        timesteps = [[round(float(t), 2) for t in row] for row in image.info["timesteps"]]
        return Decoded(np.array(image.convert("RGB")), timesteps)


def scales(model: str | None) -> tuple[int, ...]:
    """Scales there is a model for, in increasing order."""
    packages = [open_package(Path(model))] if model else shipped()
    return tuple(sorted({s for p in packages for s in p.scales}))


def model_id(scale: int, model: str | None) -> str:
    """Hexadecimal id of the model that files of a scale name."""
    return codec.read_info(_tiny(scale, DEFAULT_PAYLOAD, model)).model_id


@lru_cache
def _is_lossless(scale: int, payload: str, model: str | None) -> bool:
    """Whether quality moves the rate; asked of the codec itself, so that a new payload needs no list here."""
    return codec.read_info(_tiny(scale, payload, model)).quality == _LOSSLESS


@lru_cache
def _tiny(scale: int, payload: str, model: str | None) -> bytes:
    return codec.encode(np.zeros((8, 8, 3), np.uint8), scale=scale, payload=payload, model=model)

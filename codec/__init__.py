"""tadmc: an image codec for 0.005-0.12 bits per pixel that still looks like a photograph.

    data = codec.encode("photo.png")  # bytes of a .tadm file
    image = codec.decode(data)  # PIL image of the original size
    codec.read_info(data).bpp  # costs no model and no torch

The names of `codec.__all__` are the public ones; modules are not. Each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codec.version import VERSION

if TYPE_CHECKING:
    from codec.api import check, decode, encode, open, restore, thumbnail
    from codec.decoding.image import TadmImage
    from codec.decoding.info import Info, read_info
    from codec.decoding.saving import Saved
    from codec.engine import Engine
    from codec.errors import (
        ChecksumError,
        DeviceMemoryError,
        FormatError,
        InputError,
        LimitError,
        ModelError,
        SignatureError,
        TadmError,
        TruncatedError,
        UnsupportedError,
    )
    from codec.options import DecodeLimits, DecodeOptions, EncodeOptions, EngineOptions

__version__ = VERSION

__all__ = [
    "ChecksumError",
    "DecodeLimits",
    "DecodeOptions",
    "DeviceMemoryError",
    "EncodeOptions",
    "Engine",
    "EngineOptions",
    "FormatError",
    "Info",
    "InputError",
    "LimitError",
    "ModelError",
    "Saved",
    "SignatureError",
    "TadmError",
    "TadmImage",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "check",
    "decode",
    "encode",
    "open",
    "read_info",
    "restore",
    "thumbnail",
]

#: Where each public name lives; errors where nothing else is said.
_HOMES = {
    "codec.api": ("check", "decode", "encode", "open", "restore", "thumbnail"),
    "codec.decoding.image": ("TadmImage",),
    "codec.decoding.info": ("Info", "read_info"),
    "codec.decoding.saving": ("Saved",),
    "codec.engine": ("Engine",),
    "codec.options": ("DecodeLimits", "DecodeOptions", "EncodeOptions", "EngineOptions"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "codec.errors")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)

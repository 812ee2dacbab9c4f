"""tadmc: an image codec for 0.005-0.12 bits per pixel that still looks like a photograph.

data = codec.encode("photo.png")      # bytes of a .tadm file
image = codec.decode(data)            # PIL image of the original size
codec.read_info(data).bpp             # costs no model and no torch
"""

from __future__ import annotations

from codec.api import Info, check, decode, encode, read_info, thumbnail
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
from codec.options import DecodeLimits, DecodeOptions, EncodeOptions
from codec.version import VERSION

__version__ = VERSION

__all__ = [
    "ChecksumError",
    "DecodeLimits",
    "DecodeOptions",
    "DeviceMemoryError",
    "EncodeOptions",
    "FormatError",
    "Info",
    "InputError",
    "LimitError",
    "ModelError",
    "SignatureError",
    "TadmError",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "check",
    "decode",
    "encode",
    "read_info",
    "thumbnail",
]

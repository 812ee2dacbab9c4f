"""Payload codecs by the name users give them."""

from __future__ import annotations

from codec.errors import InputError
from codec.payload.av1 import Av1Payload
from codec.payload.base import PayloadCodec
from codec.payload.jxl import JxlPayload
from codec.payload.png import PngPayload
from codec.payload.webp import WebpPayload

_PAYLOADS: dict[str, PayloadCodec] = {p.name: p for p in (Av1Payload(), PngPayload(), WebpPayload(), JxlPayload())}


def payload_named(name: str) -> PayloadCodec:
    """The payload codec of a name.

    Raises:
        InputError: no such payload.
    """
    if name not in _PAYLOADS:
        raise InputError(f"payload {name!r} is not known; there are {', '.join(_PAYLOADS)}")
    return _PAYLOADS[name]

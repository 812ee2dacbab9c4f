"""The payload codecs, each by the number of its coding in the format."""

from __future__ import annotations

from codec.codings import Coding, label_of
from codec.errors import UnsupportedError
from codec.payload.av1 import Av1Payload
from codec.payload.base import PayloadCodec
from codec.payload.jxl import JxlPayload
from codec.payload.png import PngPayload
from codec.payload.webp import WebpPayload

_PAYLOADS: dict[int, PayloadCodec] = {p.coding: p for p in (Av1Payload(), PngPayload(), WebpPayload(), JxlPayload())}


def payload_for(coding: int) -> PayloadCodec:
    """The payload codec of a coding.

    Raises:
        UnsupportedError: this version does not know it.
    """
    if coding not in _PAYLOADS:
        known = ", ".join(c.label for c in Coding)
        raise UnsupportedError(
            f"payload coding {coding} ({label_of(coding)}) is not known to this version, which has {known}"
        )
    return _PAYLOADS[coding]

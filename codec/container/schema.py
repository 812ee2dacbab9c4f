"""The byte layout, declared once with `construct` for reading and writing."""

from __future__ import annotations

import io
from typing import Any

import construct as cs

from codec.codings import FIRST_LOSSY
from codec.container.constants import MAGIC, MODEL_ID_SIZE
from codec.errors import FormatError, TadmError, TruncatedError


class Varint(cs.Construct):  # type: ignore[misc] # construct is untyped
    """Unsigned LEB128 of at most `size` bytes in its shortest form; construct's own VarInt has no bound."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def _parse(self, stream: io.BytesIO, context: Any, path: str) -> int:  # noqa: ANN401 - construct's signature
        value = 0
        for index in range(self.size):
            byte: int = cs.stream_read(stream, 1, path)[0]
            value |= (byte & 0x7F) << 7 * index
            if not byte & 0x80:
                if byte == 0 and index:
                    raise cs.IntegerError("varint is not in its shortest form", path=path)
                return value
        raise cs.IntegerError(f"varint is longer than {self.size} bytes", path=path)

    def _build(self, obj: int, stream: io.BytesIO, context: Any, path: str) -> int:  # noqa: ANN401
        if not 0 <= obj < 1 << 7 * self.size:
            raise cs.IntegerError(f"{obj} does not fit a varint of {self.size} bytes", path=path)
        value, out = obj, bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        stream.write(bytes([*out, value]))
        return obj


HEADER = cs.Struct(
    "magic" / cs.Const(MAGIC),
    "version" / cs.BitStruct("major" / cs.BitsInteger(4), "minor" / cs.BitsInteger(4)),
    "packing" / cs.BitStruct("has_chunks" / cs.Flag, "grid_preset" / cs.BitsInteger(3), "coding" / cs.BitsInteger(4)),
    "width" / Varint(4),
    "height" / Varint(4),
    "scale" / cs.Byte,
    "quality" / cs.If(lambda c: c.packing.coding >= FIRST_LOSSY, cs.Byte),
    "model_id" / cs.Bytes(MODEL_ID_SIZE),
)

CHUNK_HEAD = cs.Struct("type" / cs.Bytes(4), "length" / Varint(5))
CHUNK_COUNT = Varint(2)
CRC = cs.Int32ub

#: Body of a SLAB chunk: slab size in LR pixels, then length and CRC-32 of every slab, row by row.
SLABS = cs.Struct(
    "width" / Varint(4),
    "height" / Varint(4),
    "entries" / cs.GreedyRange(cs.Struct("length" / Varint(5), "crc" / CRC)),
    cs.Terminated,
)


def alpha(slabs: int) -> cs.Construct:
    """Body of an ALPH chunk: one payload for the HR pixels of every slab, row by row."""
    part = cs.Prefixed(Varint(5), cs.GreedyBytes)
    return cs.Struct("coding" / cs.Byte, "parts" / cs.Array(slabs, part), cs.Terminated)


def parse(layout: cs.Construct, data: bytes, where: str, offset: int = 0) -> Any:  # noqa: ANN401 - construct containers
    """Parse and translate construct's errors.

    Args:
        layout: a construct of this module.
        data: exactly the bytes it may read.
        where: what is being read, for the message.
        offset: position of `data` in the file, for the message.

    Raises:
        TruncatedError: `data` ends too early.
        FormatError: a field has a forbidden value.
    """
    try:
        return layout.parse(data)
    except cs.StreamError as exc:
        raise TruncatedError(f"{where} at byte {offset}: file ends inside it") from exc
    except TadmError:
        raise
    except cs.ConstructError as exc:
        reason = str(exc).strip().splitlines()[-1]
        raise FormatError(f"{where} at byte {offset}: {reason}") from exc

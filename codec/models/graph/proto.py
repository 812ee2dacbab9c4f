"""ONNX models as bytes, written field by field, so that drawing a graph needs no package beside NumPy.

Field numbers are those of `onnx.proto` (ONNX 1.x); the wire format is that of Protocol Buffers. Only what the graphs
here use is covered: one subgraph, float32, uint8 and int64 tensors with their bytes inside.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Versions of the file form and of the operator set: old enough for every runtime that this package allows.
IR_VERSION, OPSET = 8, 17
#: `TensorProto.DataType`.
TYPES = {"float32": 1, "uint8": 2, "int64": 7}
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types

Attribute = int | float | str | Sequence[int]


def model(
    nodes: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes], constants: Sequence[bytes]
) -> bytes:  # fmt: skip
    """A ModelProto of one graph."""
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"graph"),
            *(_field(5, constant) for constant in constants),
            *(_field(11, each) for each in inputs),
            *(_field(12, each) for each in outputs),
        ]
    )
    return _number(1, IR_VERSION) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, OPSET))


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Attribute]) -> bytes:
    """A NodeProto of the operator `kind`."""
    ends = [_field(1, i.encode()) for i in inputs] + [_field(2, o.encode()) for o in outputs]
    name, operator = _field(3, outputs[0].encode()), _field(4, kind.encode())
    return b"".join([*ends, name, operator, *(_field(5, _attribute(k, v)) for k, v in attributes.items())])


def value(name: str, kind: str, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto; a side that is text is any length, the same wherever that text stands."""
    sides = [_number(1, side) if isinstance(side, int) else _field(2, side.encode()) for side in shape]
    tensor = _number(1, TYPES[kind]) + _field(2, b"".join(_field(1, side) for side in sides))
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def tensor(name: str, array: npt.NDArray[Any]) -> bytes:
    """A TensorProto with the bytes of an array, little-endian."""
    kind = TYPES[str(array.dtype)]
    raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    dims = b"".join(_number(1, side) for side in array.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _attribute(name: str, given: Attribute) -> bytes:
    head = _field(1, name.encode())
    if isinstance(given, int):
        return head + _number(3, given) + _number(20, _INT)
    if isinstance(given, float):
        return head + _key(2, _FIXED32) + struct.pack("<f", given) + _number(20, _FLOAT)
    if isinstance(given, str):
        return head + _field(4, given.encode()) + _number(20, _STRING)
    return head + b"".join(_number(8, each) for each in given) + _number(20, _INTS)


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _field(number: int, data: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(data)) + data


def _number(number: int, n: int) -> bytes:
    return _key(number, _VARINT) + _varint(n)


def _varint(n: int) -> bytes:
    """Seven bits a byte, lowest first; negative numbers as 64 bits of two's complement."""
    n &= 2**64 - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)

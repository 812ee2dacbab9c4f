"""A second reader, written from format_spec.md alone: imports nothing of `codec`. It trusts its input (no limits)."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import zstandard
from PIL import Image

LEVELS = (
    (0, 2048, 1152, 147456), (1, 2816, 1584, 278784), (4, 4352, 2448, 665856), (5, 5504, 3096, 1065024),
    (8, 6144, 3456, 2359296), (12, 8192, 4352, 8912896), (16, 16384, 8704, 35651584),
)  # fmt: skip


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def av1_stream(flags: int, frame: bytes, width: int, height: int) -> bytes:
    """Section 8: sequence header and frame OBU."""
    level = next((i for i, w, h, a in LEVELS if width <= w and height <= h and width * height <= a), 31)
    nw, nh = max(1, (width - 1).bit_length()), max(1, (height - 1).bit_length())
    half = flags >> 7
    bits = f"{0 if half else 1:03b}{'11'}{level:05b}{nw - 1:04b}{nh - 1:04b}{width - 1:0{nw}b}{height - 1:0{nh}b}"
    bits += "".join(str(flags >> i & 1) for i in range(6))
    bits += ("00" if half else "0") + "1" + f"{1:08b}{13:08b}{6:08b}" + ("100" if half else "1")
    bits += str(flags >> 6 & 1) + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    header = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    size, leb = len(frame), b""
    while size > 127:
        leb += bytes([size & 127 | 128])
        size >>= 7
    return b"\x0a" + bytes([len(header)]) + header + b"\x32" + leb + bytes([size]) + frame


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def decode_av1(payload: bytes, width: int, height: int) -> np.ndarray:
    """The stream in boxes of an AVIF file, decoded by Pillow."""
    half, shown = payload[0] >> 7, width
    width += width % 2 if half else 0
    stream = b"\x12\x00" + av1_stream(payload[0], payload[1:], width, height)
    none = bytes(4)
    profile_level = stream[4]  # profile: 3 bits, still, reduced, level: high bits
    level = (int.from_bytes(stream[4:6], "big") >> 6) & 31
    properties = box(
        b"ipco",
        box(b"ispe", none, struct.pack(">II", width, height)),
        box(b"av1C", bytes([0x81, (profile_level >> 5) << 5 | level, 12 if half else 0, 0])),
        box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)),
    )
    links = box(b"ipma", none, struct.pack(">IHB", 1, 1, 3), bytes([1, 0x82, 3]))
    ftyp = box(b"ftyp", b"avif", none, b"avifmif1")

    def meta(offset: int) -> bytes:
        return box(
            b"meta", none,
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", none, b"\0\1"),
            box(b"iloc", none, struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(stream))),
            box(b"iinf", none, b"\0\1", box(b"infe", b"\2\0\0\0", b"\0\1\0\0av01\0")),
            box(b"iprp", properties, links),
        )  # fmt: skip

    head = ftyp + meta(len(ftyp) + len(meta(0)) + 8)
    with Image.open(io.BytesIO(head + box(b"mdat", stream))) as image:
        return np.asarray(image.convert("RGB"))[:, :shown]


def decode_png(payload: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(payload)) as image:
        return np.asarray(image.convert("RGB"))


def decode_webp(payload: bytes, width: int, height: int) -> np.ndarray:
    body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + payload
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return decode_png(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)


def decode_jxl(payload: bytes) -> np.ndarray:
    import pillow_jxl  # noqa: F401 - registers itself with Pillow

    return decode_png(b"\xff\x0a" + payload)


def decode(coding: int, payload: bytes, width: int, height: int) -> np.ndarray:
    """Section 8."""
    if coding == 0:
        return decode_png(payload)
    if coding == 8:
        return decode_av1(payload, width, height)
    return decode_webp(payload, width, height) if coding == 1 else decode_jxl(payload)


def read(data: bytes) -> dict:
    """Sections 4 to 9.1: fields, chunks and the LR."""
    assert data[:4] == bytes.fromhex("9C54444D")
    assert data[4] >> 4 == 1
    out: dict = {"grid": data[5] >> 4 & 7, "coding": data[5] & 15, "chunks": {}}
    out["width"], at = varint(data, 6)
    out["height"], at = varint(data, at)
    out["scale"] = data[at]
    at += 1
    out["quality"] = 100
    if out["coding"] >= 8:
        out["quality"] = data[at]
        at += 1
    out["model_id"] = data[at : at + 8]
    at += 8
    if data[5] & 0x80:
        count, at = varint(data, at)
        for _ in range(count):
            kind = data[at : at + 4]
            length, at = varint(data, at + 4)
            body = data[at : at + length]
            at += length
            if kind in (b"tmap", b"iccp", b"exif", b"xmpp"):
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            out["chunks"][kind] = body
    payload = data[at:-4]
    width, height = -(-out["width"] // out["scale"]), -(-out["height"] // out["scale"])
    slabs: tuple[int, int] = (width, height)
    entries: list[tuple[int, int | None]] = [(len(payload), None)]
    if b"SLAB" in out["chunks"]:
        body = out["chunks"][b"SLAB"]
        slab_width, here = varint(body, 0)
        slab_height, here = varint(body, here)
        slabs, entries = (slab_width, slab_height), []
        while here < len(body):
            length, here = varint(body, here)
            entries.append((length, int.from_bytes(body[here : here + 4], "big")))
            here += 4
        assert zlib.crc32(data[:at]) == int.from_bytes(data[at : at + 4], "big")
        payload = data[at + 4 :]
    else:
        assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")
    lr = np.zeros((height, width, 3), np.uint8)
    corners = [(x, y) for y in range(0, height, slabs[1]) for x in range(0, width, slabs[0])]
    here = 0
    for (x, y), (length, check) in zip(corners, entries, strict=True):
        part = payload[here : here + length]
        here += length
        assert check is None or zlib.crc32(part) == check
        w, h = min(slabs[0], width - x), min(slabs[1], height - y)
        lr[y : y + h, x : x + w] = decode(out["coding"], part, w, h)
    assert here == len(payload)
    out["lr"] = lr
    if b"ALPH" in out["chunks"]:
        body, here = out["chunks"][b"ALPH"], 1
        out["alpha"] = np.zeros((out["height"], out["width"]), np.uint8)
        for x, y in corners:
            length, here = varint(body, here)
            left, top = x * out["scale"], y * out["scale"]
            w, h = min(slabs[0] * out["scale"], out["width"] - left), min(slabs[1] * out["scale"], out["height"] - top)
            opacity = decode(body[0], body[here : here + length], w, h)[..., 0]
            out["alpha"][top : top + h, left : left + w] = opacity
            here += length
    return out

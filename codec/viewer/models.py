"""The networks of model packages for browsers: the ONNX graphs that the CPU engine draws, and a manifest.

The manifest says for every model id which graphs decode its files, in which way, and how far they see. Weights are
float16 in the graphs, exactly as in the package, and are cast when a graph is loaded. What reads them is in `web/`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from codec.errors import ModelError
from codec.geometry import TIMESTEP_TILE
from codec.models.compact import graph_networks
from codec.models.compact.configs import compact_config
from codec.models.compact.v1.config import CompactConfig as FirstConfig
from codec.models.compact.v1.reach import halo as first_halo
from codec.models.compact.v2.graph import quality_fold
from codec.models.compact.v2.reach import halo
from codec.models.graph import proto
from codec.models.package import Package

#: Of the manifest: what an older reader could not follow needs a new number.
FORM = 1
#: `TensorProto.DataType` and fields of `onnx.proto` that `codec.models.graph.proto` does not need.
_FLOAT16 = 10
_GRAPH, _NODE, _CONSTANT = 7, 1, 5


def drawn_for_browsers(packages: Iterable[Package]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, JSON-ready, and every graph by its file name.

    Args:
        packages: those of the compact family are drawn, the first of an id; others, and those that are broken, are left
            out.
    """
    models: dict[str, Any] = {}
    graphs: dict[str, bytes] = {}
    files: dict[str, Any] = {}
    for package in packages:
        if package.family.name != "compact":
            continue
        for scale in package.scales:
            try:
                number, (way, drawn) = package.model_id(scale).hex(), described(package, scale)
            except ModelError:
                continue
            names = {}
            for role, model in drawn.items():
                data = halved(model)
                digest = hashlib.sha256(data).digest()
                names[role] = f"{role}-{digest.hex()[:12]}.onnx"
                files[names[role]] = {"bytes": len(data), "sha256": base64.b64encode(digest).decode()}
                graphs[names[role]] = data
            models.setdefault(number, {"name": package.name, "scale": scale, **way, "graphs": names})
    return {"form": FORM, "models": models, "files": files}, graphs


def described(package: Package, scale: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """How files of one scale are decoded, and the graphs for it by role."""
    config = compact_config(package.folder, (scale,))
    way: dict[str, Any] = {
        "way": config.architecture,
        "tile": TIMESTEP_TILE,
        "largestTimestep": package.family.largest_timestep,
        "realism": package.family.default_realism(package.config),
    }
    if isinstance(config, FirstConfig):
        graphs = graph_networks.first_graphs(package.folder, config, scale)
        strips = {"rows": graph_networks.STRIP, "reach": graph_networks.REACH}
        return way | {"halo": first_halo(config, scale), "generates": True, "strips": strips}, graphs
    graphs = graph_networks.second_graphs(package.folder, config, scale)
    rest = {"halo": halo(config, scale), "generates": "decoder" in graphs, "qualityFold": quality_fold(scale)}
    return way | rest, graphs


def halved(model: bytes) -> bytes:
    """An ONNX model whose float32 constants are float16 wherever that loses nothing, and cast back when loaded."""
    out = b""
    for number, value in fields(model):
        out += field(number, _halved_graph(value) if number == _GRAPH and isinstance(value, bytes) else value)
    return out


def _halved_graph(graph: bytes) -> bytes:
    """Casts come before the nodes that take them, under the constants' own names."""
    casts, rest = [], []
    for number, value in fields(graph):
        made = _halved_constant(value) if number == _CONSTANT and isinstance(value, bytes) else None
        if made is None:
            rest.append(field(number, value))
            continue
        name, constant = made
        rest.append(field(_CONSTANT, constant))
        casts.append(field(_NODE, proto.node("Cast", [f"{name}_16"], [name], {"to": proto.TYPES["float32"]})))
    return b"".join([*casts, *rest])


def _halved_constant(tensor: bytes) -> tuple[str, bytes] | None:
    """Name, and the tensor in float16 under another; None where it is no float32, small, or would lose something."""
    found = fields(tensor)
    parts = {number: value for number, value in found if number != 1}
    raw, name = parts[9], parts[8]
    assert isinstance(raw, bytes)
    assert isinstance(name, bytes)
    if parts[2] != proto.TYPES["float32"]:
        return None
    values = np.frombuffer(raw, "<f4")
    half = values.astype("<f2")
    if values.size < 2 or not np.array_equal(half.astype("<f4"), values):
        return None
    dims = b"".join(field(1, side) for number, side in found if number == 1)
    renamed = f"{name.decode()}_16".encode()
    return name.decode(), dims + field(2, _FLOAT16) + field(8, renamed) + field(9, half.tobytes())


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a Protocol Buffers message, by number: varints and byte strings, which is all that a model has here
    above the attributes.
    """
    out: list[tuple[int, int | bytes]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        length_or_value = varint()
        if key & 7 == 0:
            out.append((key >> 3, length_or_value))
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            out.append((key >> 3, data[at : at + length_or_value]))
            at += length_or_value
    return out


def field(number: int, value: int | bytes) -> bytes:
    """One field of a message."""
    head = _varint(number << 3 | (2 if isinstance(value, bytes) else 0))
    return head + (_varint(len(value)) + value if isinstance(value, bytes) else _varint(value))


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])

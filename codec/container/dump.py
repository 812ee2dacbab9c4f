"""A readable account of a file's structure: what golden files are compared by, so that a difference can be read."""

from __future__ import annotations

import hashlib
from typing import Any

from codec.codings import label_of
from codec.container.constants import GridPreset
from codec.container.file import TadmFile


def dump(file: TadmFile) -> dict[str, Any]:
    """JSON-ready structure: header fields, and length and SHA-256 of every body."""
    header = file.header
    bodies = {
        "alpha": None if file.alpha is None else b"".join([bytes([file.alpha.coding]), *file.alpha.parts]),
        "timesteps": file.timesteps,
        "icc": file.metadata.icc,
        "exif": file.metadata.exif,
        "xmp": file.metadata.xmp,
    }
    return {
        "width": header.size.width,
        "height": header.size.height,
        "scale": header.scale,
        "coding": label_of(header.coding).upper(),
        "quality": header.quality,
        "grid": GridPreset(header.grid).name if header.grid in set(GridPreset) else header.grid,
        "model_id": header.model_id.hex(),
        "slab": [file.slab.width, file.slab.height],
        "payloads": [_body(p) for p in file.payloads],
        "chunks": {name: _body(body) for name, body in bodies.items() if body is not None},
        "unknown": [[kind.decode(), *_body(body)] for kind, body in file.unknown],
    }


def _body(data: bytes) -> list[int | str]:
    return [len(data), hashlib.sha256(data).hexdigest()]

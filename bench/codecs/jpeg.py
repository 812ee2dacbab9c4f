"""JPEG as it is used where size matters: 4:2:0, optimised Huffman tables, progressive."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.codecs.pillow import PillowCodec


class Jpeg(PillowCodec):
    """libjpeg-turbo through Pillow; quality 1..95 (above, libjpeg only wastes bytes)."""

    name = "jpeg"
    title = "JPEG"
    family = "jpeg"
    suffix = ".jpg"
    format = "JPEG"
    feature: ClassVar[str | None] = "jpg"
    settings = tuple(range(1, 96))

    def parameters(self, setting: int) -> dict[str, Any]:
        return {"quality": setting, "subsampling": "4:2:0", "optimize": True, "progressive": True}

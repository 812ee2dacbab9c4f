"""JPEG XL at effort 7."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Any, ClassVar

from bench.codecs.pillow import PillowCodec
from bench.errors import MissingError


class JpegXl(PillowCodec):
    """libjxl through pillow-jxl-plugin; quality 0..100, where 0 is libjxl's largest distance, 25."""

    name = "jxl"
    title = "JPEG XL"
    family = "jxl"
    suffix = ".jxl"
    format = "JXL"
    feature: ClassVar[str | None] = None
    settings = tuple(range(100))

    def __init__(self) -> None:
        super().__init__()
        try:
            import_module("pillow_jxl")  # registers the format with Pillow
        except ImportError as exc:
            raise MissingError("jxl: pip install pillow-jxl-plugin") from exc

    def version(self) -> str:
        return f"pillow-jxl-plugin {metadata.version('pillow-jxl-plugin')}"

    def parameters(self, setting: int) -> dict[str, Any]:
        return {"quality": setting, "effort": 7, "lossless": False, "num_threads": 0}

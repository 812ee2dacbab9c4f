"""Lossy WebP at its slowest effort."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.codecs.pillow import PillowCodec


class WebP(PillowCodec):
    """libwebp through Pillow; method 6, quality 0..100."""

    name = "webp"
    title = "WebP"
    family = "webp"
    suffix = ".webp"
    format = "WEBP"
    feature: ClassVar[str | None] = "webp"
    settings = tuple(range(101))

    def parameters(self, setting: int) -> dict[str, Any]:
        return {"quality": setting, "method": 6}
